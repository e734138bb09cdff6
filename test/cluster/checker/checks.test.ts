/** Every kind of violation that the checker exists for, planted, must be found; and only that. */
import assert from "node:assert/strict";
import test from "node:test";
import { GrpcError } from "@quorate/rpc/status";
import type { Found, LeaseRecord, Operation } from "@quorate/testkit/history";
import { EventHistory, WatchStream } from "@quorate/testkit/history";
import { type Event, EventType, type KeyValue, type WatchResponse } from "@quorate/testkit/messages";
import { NotSent } from "../client.ts";
import { Journal, type Life } from "./journal.ts";

const TTL_MS = 5_000;

/** A store that does everything right; violations are planted in what it tells. */
class World {
  readonly journal = new Journal();
  readonly life: Life = { member: "m1", revision: 0 };
  readonly watcher = new WatchStream("watcher", this.journal.history, 1);
  readonly #kvs = new Map<string, KeyValue>();
  revision = 1;

  write(key: string, value: string | undefined, lease = 0n): WatchResponse {
    this.revision += 1;
    const before = this.#kvs.get(key);
    const kv: KeyValue = {
      key: Buffer.from(key),
      value: Buffer.from(value ?? ""),
      mod_revision: this.revision,
      create_revision: value === undefined ? 0 : (before?.create_revision ?? this.revision),
      version: value === undefined ? 0 : (before?.version ?? 0) + 1,
      lease,
    };
    if (value === undefined) this.#kvs.delete(key);
    else this.#kvs.set(key, kv);
    return response([
      { type: value === undefined ? EventType.DELETE : EventType.PUT, kv, prev_kv: undefined },
    ]);
  }

  watch(answer: WatchResponse, nowMs = performance.now()): void {
    const problem = this.watcher.receive(answer, nowMs);
    if (problem !== undefined) this.journal.problem(problem);
  }

  begin(kind: Operation["kind"], key: string, value?: string, expected?: Found): Operation {
    return this.journal.begin({ client: "c", member: "m1", kind, key, value, expected }, this.life);
  }

  put(key: string, value: string): Operation {
    const operation = this.begin("put", key, value);
    this.watch(this.write(key, value));
    this.journal.answered(operation, { revision: this.revision }, this.life);
    return operation;
  }

  read(kind: "get" | "serializable", key: string): Found {
    const operation = this.begin(kind, key);
    const kv = this.#kvs.get(key);
    const found = kv === undefined ? null : { value: kv.value.toString(), modRevision: kv.mod_revision };
    this.journal.answered(operation, { revision: this.revision, found }, this.life);
    return found;
  }

  swap(key: string, value: string, expected: Found): void {
    const operation = this.begin("swap", key, value, expected);
    const succeeded = this.#kvs.get(key)?.mod_revision === expected?.modRevision;
    if (succeeded) this.watch(this.write(key, value));
    this.journal.answered(operation, { revision: this.revision, succeeded }, this.life);
  }

  state(): KeyValue[] {
    return [...this.#kvs.values()];
  }
}

function response(events: Event[]): WatchResponse {
  const header = { cluster_id: 1n, member_id: 1n, revision: 0, raft_term: 1n };
  return {
    header: { ...header, revision: events.at(-1)?.kv?.mod_revision ?? 0 },
    watch_id: 0n,
    created: false,
    canceled: false,
    compact_revision: 0,
    cancel_reason: "",
    fragment: false,
    events,
  };
}

function progress(revision: number): WatchResponse {
  const empty = response([]);
  return { ...empty, watch_id: -1n, header: { ...empty.header!, revision } };
}

function lease(fields: Partial<LeaseRecord>): LeaseRecord {
  return {
    id: 7n,
    ttlMs: TTL_MS,
    keys: new Map([["lease/a", 2]]),
    renewedMs: 0,
    revokeSentMs: Infinity,
    revokedAt: undefined,
    ...fields,
  };
}

/** `want` undefined: nothing must be found. */
const cases: { name: string; happen: (world: World) => void; want: RegExp | undefined }[] = [
  {
    name: "a world that does everything right",
    happen(world) {
      world.put("a", "1");
      world.swap("a", "2", world.read("get", "a"));
      world.swap("a", "3", { value: "1", modRevision: 2 });
      world.read("serializable", "a");
      world.put("log/0", "x:1");
      world.swap("log/0", "x:1,y:1", world.read("get", "log/0"));
      world.journal.failed(world.begin("put", "a", "never"), new NotSent("refused"));
      world.journal.failed(world.begin("put", "a", "perhaps"), new GrpcError(14, "gone"));
      world.watch(world.write("a", "perhaps"));
      world.watch(progress(world.revision));
      world.watch(world.write("a", undefined));
    },
    want: undefined,
  },
  {
    name: "a lost write",
    happen(world) {
      const operation = world.begin("put", "a", "1");
      world.put("a", "2");
      world.journal.answered(operation, { revision: 2 }, world.life);
    },
    want: /an acknowledged write is lost: c put a, value 1/,
  },
  {
    name: "a write at another revision than was told",
    happen(world) {
      const operation = world.begin("put", "a", "1");
      world.watch(world.write("a", "1"));
      world.watch(world.write("b", "2"));
      world.journal.answered(operation, { revision: 3 }, world.life);
    },
    want: /an acknowledged write is at 2/,
  },
  {
    name: "a refused write that happened",
    happen(world) {
      world.journal.failed(world.begin("put", "a", "1"), new NotSent("refused"));
      world.watch(world.write("a", "1"));
    },
    want: /a refused write is at 2/,
  },
  {
    name: "a write that happened twice",
    happen(world) {
      world.put("a", "1");
      world.watch(world.write("a", "1"));
    },
    want: /1 was written at 2 and again at 3/,
  },
  {
    name: "a stale read",
    happen(world) {
      world.put("a", "1");
      const found = world.read("get", "a");
      world.put("a", "2");
      world.journal.answered(world.begin("get", "a"), { revision: 2, found }, world.life);
    },
    want: /a stale answer: c get a/,
  },
  {
    name: "a stale value under a fresh revision",
    happen(world) {
      world.put("a", "1");
      const found = world.read("get", "a");
      world.put("a", "2");
      world.journal.answered(world.begin("get", "a"), { revision: 3, found }, world.life);
    },
    want: /the key held 2@3 at that revision[\s\S]*no order of the 4 operations on a explains them/,
  },
  {
    name: "a read of a write that was not committed",
    happen(world) {
      world.put("a", "1");
      const found = { value: "dirty", modRevision: 2 };
      world.journal.answered(world.begin("get", "a"), { revision: 2, found }, world.life);
    },
    want: /the key held 1@2 at that revision/,
  },
  {
    name: "a member that goes back in time within one life",
    happen(world) {
      world.put("a", "1");
      const found = world.read("serializable", "a");
      world.put("a", "2");
      world.journal.answered(world.begin("serializable", "a"), { revision: 2, found }, world.life);
    },
    want: /a member went back in time/,
  },
  {
    name: "one revision for two writes",
    happen(world) {
      const first = world.begin("put", "a", "1");
      const second = world.begin("put", "b", "2");
      world.watch(world.write("a", "1"));
      world.watch(world.write("b", "2"));
      world.journal.answered(first, { revision: 2 }, world.life);
      world.journal.answered(second, { revision: 2 }, world.life);
    },
    want: /two writes at one revision/,
  },
  {
    name: "a revision that was already known",
    happen(world) {
      world.watch(world.write("a", "1"));
      world.put("b", "2");
      const operation = world.begin("put", "a", "1");
      world.journal.answered(operation, { revision: 2 }, world.life);
    },
    want: /a write got a revision that was already known/,
  },
  {
    name: "a comparison that succeeded wrongly",
    happen(world) {
      world.put("a", "1");
      const found = world.read("get", "a");
      world.put("a", "2");
      const operation = world.begin("swap", "a", "3", found);
      world.watch(world.write("a", "3"));
      world.journal.answered(operation, { revision: 4, succeeded: true }, world.life);
    },
    want: /the comparison succeeded, but the key held 2@3/,
  },
  {
    name: "a comparison that failed wrongly",
    happen(world) {
      world.put("a", "1");
      const operation = world.begin("swap", "a", "2", world.read("get", "a"));
      world.journal.answered(operation, { revision: 2, succeeded: false }, world.life);
    },
    want: /the comparison failed without reason/,
  },
  {
    name: "a failed comparison that wrote",
    happen(world) {
      world.put("a", "1");
      const operation = world.begin("swap", "a", "2", null);
      world.watch(world.write("a", "2"));
      world.journal.answered(operation, { revision: 3, succeeded: false }, world.life);
    },
    want: /a failed comparison wrote at 3/,
  },
  {
    name: "an element lost from a log",
    happen(world) {
      world.put("log/0", "x:1");
      world.put("log/0", "x:1,x:2");
      world.put("log/0", "x:1,x:3");
    },
    want: /log\/0 at 4: "x:1,x:3" after "x:1,x:2"/,
  },
  {
    name: "a gap in a watch",
    happen(world) {
      world.put("a", "1");
      world.write("a", "2");
      world.watch(world.write("a", "3"));
    },
    want: /revision 4 after 2: a gap/,
  },
  {
    name: "a duplicate in a watch",
    happen(world) {
      const answer = world.write("a", "1");
      world.watch(answer);
      world.watch(answer);
    },
    want: /revision 2 after 2: a duplicate or out of order/,
  },
  {
    name: "a revision cut in two by a watch",
    happen(world) {
      const [a] = world.write("a", "1").events;
      world.revision -= 1;
      const [b] = world.write("b", "2").events;
      world.watch(response([a!, b!]));
      const other = new WatchStream("other", world.journal.history, 1);
      const problem = other.receive(response([a!]), 0);
      if (problem !== undefined) world.journal.problem(problem);
    },
    want: /revision 2 is put a=1 2 1 0 here, and put a=1 2 1 0, put b=2 2 1 0 to another watcher/,
  },
  {
    name: "two watchers that see different events",
    happen(world) {
      world.watch(world.write("a", "1"));
      world.revision -= 1;
      const other = new WatchStream("other", world.journal.history, 1);
      const problem = other.receive(world.write("a", "2"), 0);
      if (problem !== undefined) world.journal.problem(problem);
    },
    want: /other: revision 2 is put a=2/,
  },
  {
    name: "an event behind the progress that covered it",
    happen(world) {
      const answer = world.write("a", "1");
      world.watch(progress(2));
      world.watch(answer);
    },
    want: /told of progress 2, but its events end at 1/,
  },
  {
    name: "a version that does not count",
    happen(world) {
      world.put("a", "1");
      const answer = world.write("a", "2");
      world.watch(response([{ ...answer.events[0]!, kv: { ...answer.events[0]!.kv!, version: 1 } }]));
    },
    want: /a has version 1 at 3, not 2/,
  },
  {
    name: "a key that outlives its lease",
    happen(world) {
      world.watch(world.write("lease/a", "1", 7n), 0);
      world.journal.leases.push(lease({}));
    },
    want: /lease\/a has outlived lease 7/,
  },
  {
    name: "a lease that ends too early",
    happen(world) {
      world.watch(world.write("lease/a", "1", 7n), 0);
      world.watch(world.write("lease/a", undefined), TTL_MS - 1_500);
      world.journal.leases.push(lease({}));
    },
    want: /deleted at 3, 1500 ms before lease 7 could expire/,
  },
  {
    name: "a lease that ends in time",
    happen(world) {
      world.watch(world.write("lease/a", "1", 7n), 0);
      world.watch(world.write("lease/a", undefined), TTL_MS + 300);
      world.journal.leases.push(lease({}));
    },
    want: undefined,
  },
  {
    name: "a lease whose keys go one by one",
    happen(world) {
      world.watch(world.write("lease/a", "1", 7n), 0);
      world.watch(world.write("lease/b", "2", 7n), 0);
      world.watch(world.write("lease/a", undefined), TTL_MS);
      world.watch(world.write("lease/b", undefined), TTL_MS);
      world.journal.leases.push(
        lease({
          keys: new Map([
            ["lease/a", 2],
            ["lease/b", 3],
          ]),
        }),
      );
    },
    want: /the keys of lease 7 were deleted at different revisions: 4, 5/,
  },
  {
    name: "an error that no fault explains",
    happen(world) {
      world.journal.failed(world.begin("put", "a", "1"), new GrpcError(2, "TypeError: undefined"));
    },
    want: /an error that nothing explains: 2 TypeError/,
  },
];

for (const { name, happen, want } of cases) {
  test(`${name} ${want === undefined ? "passes" : "is found"}`, () => {
    const world = new World();
    happen(world);
    const problems = world.journal.judge(1_000).join("\n");
    if (want === undefined) assert.equal(problems, "");
    else assert.match(problems, want);
  });
}

test("the whole store is compared with the history", () => {
  const world = new World();
  world.put("a", "1");
  world.put("b", "2");
  world.watch(world.write("b", undefined));
  const { history } = world.journal;
  const [a] = world.state() as [KeyValue];
  assert.equal(history.compareState([a], 4), undefined);
  assert.match(history.compareState([], 4) ?? "", /a is nothing, and should be 1 2 2 1 0/);
  assert.match(history.compareState([{ ...a, version: 2 }], 4) ?? "", /a is 1 2 2 2 0/);
  assert.match(history.compareState([a, { ...a, key: Buffer.from("z") }], 4) ?? "", /z is there/);
  assert.match(history.compareState([a], 3) ?? "", /b is nothing, and should be 2/);
});

test("a history that starts late begins where it is told", () => {
  const history = new EventHistory();
  assert.match(history.see(5, [], 0) ?? "", /a gap/);
});
