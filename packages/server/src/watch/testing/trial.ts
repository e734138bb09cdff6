import { fc } from "@quorate/testkit/property";
import type { Change } from "../../keys/change.ts";
import type { WatchSource } from "../source.ts";
import { type Client, type CreateFields, Harness, see } from "./harness.ts";
import { MemoryStore, type Operation } from "./memory-store.ts";
import { WatchModel } from "./watch-model.ts";

/** The member under test's store. */
export interface Follower extends WatchSource {
  write(...operations: Operation[]): void;
  compact(revision: number): void;
  /** Replaces everything by the leader's state; undefined when it cannot. */
  readonly replaceBy?: (leader: MemoryStore) => void;
}

const KEYS = ["a", "ab", "abc", "b", "ba", "c", "\xff"];
const anyKey = fc.constantFrom(...KEYS);
const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ put: anyKey, value: fc.string({ maxLength: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ delete: anyKey }) },
);
const anyCreate = fc.record({
  key: fc.constantFrom("", ...KEYS),
  end: fc.constantFrom("", "", "b", "c", "\0"),
  /** Relative to the current revision; null for from now. */
  start: fc.option(fc.integer({ min: -30, max: 5 }), { nil: undefined }),
  id: fc.constantFrom(0n, 0n, 0n, 3n, -5n),
  progressNotify: fc.boolean(),
  prevKv: fc.boolean(),
  fragment: fc.boolean(),
  filters: fc.constantFrom<number[]>([], [], [], [0], [1], [0, 1]),
});

export type Step =
  | { do: "write"; operations: Operation[]; times: number }
  | { do: "create"; client: number; fields: Omit<CreateFields, "start"> & { start: number | undefined } }
  | { do: "cancel"; client: number; which: number }
  | { do: "progress"; client: number }
  | { do: "read"; client: number }
  | { do: "capacity"; client: number; messages: number }
  | { do: "compact"; back: number }
  | { do: "turn" }
  | { do: "pass"; ms: number }
  | { do: "lag" }
  | { do: "install" }
  | { do: "reopen"; client: number };

const CLIENTS = 3;
const client = fc.nat(CLIENTS - 1);
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      operations: fc.array(anyOperation, { minLength: 1, maxLength: 6 }),
      times: fc.constantFrom(1, 1, 1, 1, 5, 5, 5, 1200),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("create" as const), client, fields: anyCreate }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), client, which: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("progress" as const), client }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("read" as const), client }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("capacity" as const),
      client,
      messages: fc.constantFrom(1, 2, 5, 1000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("compact" as const), back: fc.nat(20) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("turn" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 900 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("lag" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("install" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const), client }) },
);

/** A follower with clients, fed by a leader's log or, after a pause, by its snapshot. */
export class Trial {
  readonly harness: Harness;
  readonly leader = new MemoryStore();
  readonly history: Change[] = [];
  readonly clients: { client: Client; model: WatchModel; capacity: number }[] = [];
  private readonly follower: Follower;
  private lagging = false;

  /**
   * Without `follower`, one in memory. Every `heldUp`th message is held up by a failpoint; 0 for none. `messagesPerTurn`: of
   * the hub; undefined for as many as are usual.
   */
  constructor(sliceCostMs: number, heldUp: number, messagesPerTurn?: number, follower?: Follower) {
    let turn = 0;
    this.harness = new Harness({
      ...(follower === undefined ? {} : { source: follower }),
      ...(messagesPerTurn === undefined ? {} : { messagesPerTurn }),
      progressIntervalMs: 500,
      fragmentBytes: 120,
      beforeSend: () => (heldUp > 0 && ++turn % heldUp === 0 ? 7 : 0),
    });
    this.follower = follower ?? followerOf(this.harness.store);
    this.harness.clock.costOfLookMs = sliceCostMs;
    this.leader.onChanges = (_, changes) => this.history.push(...changes);
    for (let i = 0; i < CLIENTS; i++) this.clients.push(this.open(1000));
  }

  run(step: Step): void {
    const { follower } = this;
    const { clock } = this.harness;
    switch (step.do) {
      case "write":
        for (let i = 0; i < step.times; i++) {
          this.leader.write(...distinct(step.operations));
          if (!this.lagging) follower.write(...distinct(step.operations));
        }
        return;
      case "compact": {
        const revision = this.leader.currentRevision - step.back;
        if (revision <= Math.max(1, this.leader.compactRevision)) return;
        this.leader.compact(revision);
        if (!this.lagging) follower.compact(revision);
        return;
      }
      case "lag":
        this.lagging = follower.replaceBy !== undefined;
        return;
      case "install":
        if (!this.lagging) return;
        this.lagging = false;
        follower.replaceBy!(this.leader);
        this.harness.hub.storeReplaced();
        return;
      case "turn":
        clock.runTurn();
        return;
      case "pass":
        clock.advance(step.ms);
        return;
    }
    const entry = this.clients[step.client]!;
    const { client, model } = entry;
    if (step.do === "create") {
      const { start, ...fields } = step.fields;
      const revision = start === undefined ? 0 : Math.max(1, follower.currentRevision + start);
      const asked = { ...fields, start: revision };
      model.askCreate(asked);
      client.create(asked);
    } else if (step.do === "cancel") {
      const ids = model.liveIds;
      const id = ids[step.which % Math.max(1, ids.length)] ?? 77n;
      model.askCancel(id);
      client.cancel(id);
    } else if (step.do === "progress") client.progress();
    else if (step.do === "read") this.read(step.client);
    else if (step.do === "capacity") {
      entry.capacity = step.messages;
      client.sink.capacity = step.messages;
    } else {
      client.stream.close();
      this.clients[step.client] = this.open(entry.capacity);
    }
  }

  /** Everyone reads until nothing comes any more. */
  finish(): void {
    this.run({ do: "install" });
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < CLIENTS; i++) {
        this.clients[i]!.client.sink.capacity = 1000;
        do this.harness.clock.advance(50);
        while (this.read(i) > 0);
      }
    }
    const { currentRevision } = this.follower;
    for (const { model } of this.clients) model.finish(currentRevision);
    for (const { client } of this.clients) client.stream.close();
    this.harness.clock.settle();
    const { metrics } = this.harness.hub;
    const { streams, watchers, slowWatchers, pendingEvents } = metrics;
    if (streams + watchers + slowWatchers + pendingEvents !== 0) {
      throw new Error(`gauges are not back at zero: ${JSON.stringify(metrics)}`);
    }
    if (this.harness.store.openScans !== 0) throw new Error("a scan was left open");
  }

  private read(index: number): number {
    const { client, model } = this.clients[index]!;
    const messages = client.sink.take();
    for (const message of messages) model.see(see(message), this.follower.compactRevision);
    if (messages.length > 0) client.stream.drained();
    return messages.length;
  }

  private open(capacity: number): { client: Client; model: WatchModel; capacity: number } {
    const client = this.harness.open();
    client.sink.capacity = capacity;
    return { client, model: new WatchModel(this.history), capacity };
  }
}

/** A transaction changes a key once. */
function distinct(operations: Operation[]): Operation[] {
  const seen = new Set<string | Uint8Array>();
  return operations.filter((operation) => {
    const key = "put" in operation ? operation.put : operation.delete;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function followerOf(store: MemoryStore): Follower {
  return {
    get currentRevision() {
      return store.currentRevision;
    },
    get compactRevision() {
      return store.compactRevision;
    },
    getAt: (key, revision) => store.getAt(key, revision),
    openHistory: (key, rangeEnd, from, to) => store.openHistory(key, rangeEnd, from, to),
    write: (...operations) => void store.write(...operations),
    compact: (revision) => store.compact(revision),
    replaceBy: (leader) => store.replaceBy(leader),
  };
}
