import assert from "node:assert/strict";
import { decodeKeyValue } from "@quorate/wire/hot";
import type { Change } from "../../keys/change.ts";
import { rangeContains } from "../../keys/key-range.ts";
import type { CreateFields, Seen, SeenEvent } from "./harness.ts";
import { bytesOf, nameOf } from "./memory-store.ts";

interface WatcherModel {
  readonly fields: CreateFields;
  /** Everything below has been seen. */
  position: number;
  compacted: boolean;
  /** Greatest revision of a progress response. */
  progress: number;
}

/**
 * What one client may be sent, checked against the list of all changes ever made: every watcher sees every matching
 * change from its start on, once, in order, a revision never cut, up to a cancel.
 */
export class WatchModel {
  readonly history: readonly Change[];
  private readonly watchers = new Map<bigint, WatcherModel>();
  private readonly creates: CreateFields[] = [];
  private readonly cancels: bigint[] = [];
  /** Events of the parts of a response seen so far. */
  private part: { id: bigint; events: SeenEvent[] } | undefined = undefined;

  constructor(history: readonly Change[]) {
    this.history = history;
  }

  get liveIds(): bigint[] {
    return [...this.watchers.keys()];
  }

  askCreate(fields: CreateFields): void {
    this.creates.push(fields);
  }

  askCancel(id: bigint): void {
    this.cancels.push(id);
  }

  /** `compactRevision` is the greatest that the member has seen by now. */
  see(seen: Seen, compactRevision: number): void {
    if (this.part !== undefined) {
      assert.equal(seen.id, this.part.id, "the parts of a response are neighbours");
      assert.ok(seen.events.length > 0);
    }
    if (seen.created) this.seeCreated(seen);
    else if (seen.canceled) this.seeCanceled(seen);
    else if (seen.events.length > 0) this.seeEvents(seen, compactRevision);
    else this.seeProgress(seen);
  }

  /** Nothing more is to come: every watcher has been sent everything up to `current`. */
  finish(current: number): void {
    assert.equal(this.part, undefined);
    assert.equal(this.creates.length, 0, "every create is answered");
    for (const [id, watcher] of this.watchers) {
      if (watcher.compacted) continue;
      assert.deepEqual(this.expected(watcher, watcher.position, current), [], `watcher ${id} lacks events`);
    }
  }

  private seeCreated(seen: Seen): void {
    const fields = this.creates.shift();
    assert.ok(fields !== undefined, "one answer for one create");
    if (seen.canceled) {
      assert.equal(seen.id, -1n);
      assert.notEqual(seen.reason, "");
      return;
    }
    assert.ok(!this.watchers.has(seen.id), "an id in use");
    const asked = BigInt(fields.id ?? 0);
    if (asked !== 0n) assert.equal(seen.id, asked);
    const start = Number(fields.start ?? 0);
    this.watchers.set(seen.id, {
      fields,
      position: start === 0 ? seen.revision + 1 : start,
      compacted: false,
      progress: 0,
    });
  }

  private seeCanceled(seen: Seen): void {
    const watcher = this.watchers.get(seen.id);
    assert.ok(watcher !== undefined, "a cancel for a watcher that is not there");
    assert.equal(seen.reason, "");
    if (seen.compactRevision === 0) {
      assert.ok(this.cancels.includes(seen.id), "cancelled without being asked");
      this.cancels.splice(this.cancels.indexOf(seen.id), 1);
      this.watchers.delete(seen.id);
      return;
    }
    assert.equal(seen.revision, 0);
    assert.ok(!watcher.compacted);
    assert.ok(watcher.position < seen.compactRevision, "cancelled by a compaction that was not beyond it");
    watcher.compacted = true;
  }

  private seeEvents(seen: Seen, compactRevision: number): void {
    const watcher = this.watchers.get(seen.id);
    assert.ok(watcher !== undefined && !watcher.compacted, "events for a watcher that is not there");
    const events = [...(this.part?.events ?? []), ...seen.events];
    this.part = seen.fragment ? { id: seen.id, events } : undefined;
    if (seen.fragment) {
      assert.ok(watcher.fields.fragment, "fragments for who did not ask");
      return;
    }
    const last = events.at(-1)!.mod;
    assert.ok(seen.revision >= last);
    const want = this.expected(watcher, watcher.position, last);
    assert.deepEqual(
      events.map(({ prev: _, ...event }) => event),
      want.map(eventOf),
      `watcher ${seen.id} from ${watcher.position}`,
    );
    assert.ok(new Set(events.map(({ mod }) => mod)).size <= 1000);
    for (const event of events) this.checkPrevious(watcher, event, compactRevision);
    watcher.position = last + 1;
  }

  private seeProgress(seen: Seen): void {
    const concerned = seen.id === -1n && !this.watchers.has(-1n) ? this.liveIds : [seen.id];
    assert.ok(concerned.length > 0);
    for (const id of concerned) {
      const watcher = this.watchers.get(id);
      assert.ok(watcher !== undefined && !watcher.compacted, "progress of a watcher that is not there");
      if (seen.id !== -1n) assert.ok(watcher.fields.progressNotify);
      assert.ok(seen.revision >= watcher.progress);
      assert.ok(seen.revision >= Number(watcher.fields.start ?? 0));
      assert.ok(seen.revision >= watcher.position - 1, "progress behind events");
      assert.deepEqual(
        this.expected(watcher, watcher.position, seen.revision),
        [],
        "progress ahead of events",
      );
      watcher.progress = seen.revision;
      watcher.position = seen.revision + 1;
    }
  }

  private checkPrevious(watcher: WatcherModel, event: SeenEvent, compactRevision: number): void {
    const key = Buffer.from(event.key, "latin1");
    const before = this.history.findLast((change) => change.main < event.mod && key.equals(change.key));
    const previous = before === undefined || before.deleted ? undefined : decodeKeyValue(before.record);
    if (event.prev !== undefined) {
      assert.ok(watcher.fields.prevKv, "a previous value for who did not ask");
      assert.deepEqual(event.prev, {
        value: nameOf(previous!.value),
        mod: previous!.modRevision,
        lease: previous!.lease,
      });
    } else if (watcher.fields.prevKv && previous !== undefined) {
      assert.ok(event.mod - 1 < compactRevision, "the previous value is missing");
    }
  }

  private expected({ fields }: WatcherModel, from: number, to: number): Change[] {
    const key = bytesOf(fields.key ?? "");
    const first = key.length === 0 ? new Uint8Array(1) : key;
    const end = bytesOf(fields.end ?? "");
    const changes: Change[] = [];
    for (let i = this.history.length - 1; i >= 0; i--) {
      const change = this.history[i]!;
      if (change.main < from) break;
      if (change.main > to || fields.filters?.includes(change.deleted ? 1 : 0)) continue;
      if (rangeContains(first, end, change.key)) changes.push(change);
    }
    return changes.reverse();
  }
}

function eventOf(change: Change): Omit<SeenEvent, "prev"> {
  const kv = decodeKeyValue(change.record);
  return {
    deleted: change.deleted,
    key: nameOf(change.key),
    value: nameOf(kv.value),
    mod: change.main,
    create: kv.createRevision,
    version: kv.version,
    lease: kv.lease,
  };
}
