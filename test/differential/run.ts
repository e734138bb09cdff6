/** Runs one sequence of operations against two servers and compares every response, event and hash. */
import assert from "node:assert/strict";
import { Etcd, EtcdError, type Stream } from "@quorate/testkit/grpc";
import {
  CompactionResponse,
  DeleteRangeResponse,
  type Event,
  HashKVResponse,
  type KeyValue,
  LeaseGrantResponse,
  LeaseLeasesResponse,
  LeaseRevokeResponse,
  LeaseTimeToLiveResponse,
  PutResponse,
  type RangeRequestInput,
  RangeResponse,
  type RequestOpInput,
  TxnResponse,
  type WatchResponse,
} from "@quorate/testkit/messages";
import { SeededRandom } from "@quorate/testkit/random";
import { Generator, mayReviveAtOneRevision, type StoreState } from "./generator.ts";
import { encode, type Operation } from "./operation.ts";

const EVERYTHING = { key: Buffer.from([0]), range_end: Buffer.from([0]) };

/** A long-lived watcher whose events are kept for comparison. */
class Recorder {
  readonly events: Event[] = [];
  /** For each response, the revisions in it: a revision must not be spread over responses. */
  lastRevision = 0;
  readonly #stream: ReturnType<Etcd["watch"]>;

  constructor(etcd: Etcd, request: Parameters<ReturnType<Etcd["watch"]>["send"]>[0]["create_request"]) {
    this.#stream = etcd.watch();
    this.#stream.send({ create_request: request });
    this.#stream.call.on("data", (response: WatchResponse) => {
      assert.equal(response.canceled, false, `a watcher was cancelled: ${response.cancel_reason}`);
      for (const event of response.events) {
        this.events.push(event);
        this.lastRevision = event.kv!.mod_revision;
      }
    });
  }

  async waitFor(revision: number): Promise<void> {
    const giveUpAt = performance.now() + 20_000;
    while (this.lastRevision < revision) {
      if (performance.now() > giveUpAt)
        throw new Error(`a watcher of everything has not seen revision ${revision}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  close(): void {
    this.#stream.cancel();
  }
}

/** One of the two servers. */
class Side {
  readonly etcd: Etcd;
  readonly all: Recorder;
  readonly recorders: readonly Recorder[];

  constructor(endpoint: string) {
    this.etcd = new Etcd(endpoint);
    this.all = new Recorder(this.etcd, { ...EVERYTHING, start_revision: 2, prev_kv: true, fragment: true });
    this.recorders = [
      this.all,
      new Recorder(this.etcd, { key: "a", start_revision: 2 }),
      new Recorder(this.etcd, { key: "b", range_end: "d", filters: [0], start_revision: 2 }),
      new Recorder(this.etcd, { key: "key/", range_end: "key0", filters: [1], start_revision: 2 }),
    ];
  }

  async run(operation: Operation): Promise<unknown> {
    try {
      return { ok: await this.#call(operation) };
    } catch (error) {
      if (error instanceof EtcdError) return { code: error.code, details: error.details };
      throw error;
    }
  }

  async #call(operation: Operation): Promise<unknown> {
    switch (operation.kind) {
      case "rangeStream": {
        const chunks = await this.etcd.rangeStream(operation.request);
        const last = chunks.at(-1)!.range_response!;
        return { ...last, kvs: chunks.flatMap((chunk) => chunk.range_response!.kvs) };
      }
      case "keepAlive": {
        const stream = this.etcd.keepAlive();
        stream.send(operation.request);
        const response = await stream.next();
        stream.call.end();
        return response;
      }
      case "watch":
        return await this.#history(operation.request);
      default: {
        const { path, bytes } = encode(operation)!;
        return RESPONSES[operation.kind].decode(await this.etcd.raw(`/etcdserverpb.${path}`, bytes));
      }
    }
  }

  /** All events from a revision up to now. */
  async #history(request: { start_revision: number; prev_kv: boolean; filters: number[] }): Promise<unknown> {
    const now = (await this.etcd.range({ key: "a", count_only: true })).header!.revision;
    const stream = this.etcd.watch();
    const events: Event[] = [];
    // Filters may hide the last revision, so a second watcher without them tells when all has come.
    stream.send({ create_request: { ...EVERYTHING, start_revision: request.start_revision, watch_id: 2 } });
    stream.send({ create_request: { ...EVERYTHING, ...request, watch_id: 1 } });
    let seen = 0;
    const lastOf = now >= request.start_revision && now > 1 ? now : 0;
    let quiet = 0;
    while (seen < lastOf || quiet < 1) {
      const response = await nextOrUndefined(stream, seen < lastOf ? 10_000 : 150);
      if (response === undefined) quiet += 1;
      else if (response.watch_id === 2n) seen = response.events.at(-1)?.kv?.mod_revision ?? seen;
      else events.push(...response.events);
    }
    stream.cancel();
    return { events };
  }
}

async function nextOrUndefined<In, Out>(
  stream: Stream<In, Out>,
  timeoutMs: number,
): Promise<Out | undefined> {
  const response = await stream.poll(timeoutMs);
  if (response === undefined && timeoutMs > 1_000) throw new Error("history did not arrive");
  return response;
}

const RESPONSES = {
  put: PutResponse,
  range: RangeResponse,
  deleteRange: DeleteRangeResponse,
  txn: TxnResponse,
  compact: CompactionResponse,
  leaseGrant: LeaseGrantResponse,
  leaseRevoke: LeaseRevokeResponse,
  leaseTimeToLive: LeaseTimeToLiveResponse,
  leaseLeases: LeaseLeasesResponse,
  hashKv: HashKVResponse,
} as const;

type Ranges = Iterator<RangeRequestInput, undefined>;

/** The range requests of a txn in the order in which their answers come, for the branch that was taken. */
function rangesOf(
  operations: readonly RequestOpInput[] | undefined,
  responses: readonly unknown[],
): RangeRequestInput[] {
  const found: RangeRequestInput[] = [];
  (operations ?? []).forEach((operation, i) => {
    if (operation.request_range !== undefined) found.push(operation.request_range);
    if (operation.request_txn !== undefined) {
      const nested = (responses[i] as { response_txn?: TxnResponse } | undefined)?.response_txn;
      if (nested === undefined) return;
      const branch = nested.succeeded ? operation.request_txn.success : operation.request_txn.failure;
      found.push(...rangesOf(branch, nested.responses));
    }
  });
  return found;
}

const SORT_KEYS: readonly ((kv: KeyValue) => string)[] = [
  (kv) => kv.key.toString("hex"),
  (kv) => String(kv.version),
  (kv) => String(kv.create_revision),
  (kv) => String(kv.mod_revision),
  (kv) => kv.value.toString("hex"),
];

/** Removes what may differ: identities, terms, clocks, leases under keys_only, the order of many equal sort keys. */
function comparable(operation: Operation, outcome: unknown): unknown {
  let ranges: Ranges | undefined;
  if (operation.kind === "range" || operation.kind === "rangeStream") ranges = [operation.request].values();
  if (operation.kind === "txn") {
    const response = (outcome as { ok?: TxnResponse }).ok;
    if (response !== undefined) {
      const branch = response.succeeded ? operation.request.success : operation.request.failure;
      ranges = rangesOf(branch, response.responses).values();
    }
  }
  const visit = (value: unknown, key: string): unknown => {
    if (Array.isArray(value)) return value.map((item) => visit(item, ""));
    if (value === null || typeof value !== "object" || Buffer.isBuffer(value)) return value;
    if ("raft_term" in value) return { revision: (value as unknown as { revision: number }).revision };
    if ("kvs" in value) return rangeResponse(value as RangeResponse, ranges?.next().value);
    void key;
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, visit(field, name)]));
  };
  const result = visit(outcome, "") as Record<string, unknown>;
  const ok = result.ok as Record<string, unknown> | undefined;
  if (ok !== undefined && operation.kind === "leaseLeases") {
    ok.leases = (ok.leases as { ID: bigint }[]).map(({ ID }) => ID.toString()).sort();
  }
  if (ok !== undefined && operation.kind === "leaseTimeToLive") {
    ok.keys = (ok.keys as Buffer[]).map((item) => item.toString("hex")).sort();
    // Both clocks started within the same round trip.
    const lost = Number(ok.grantedTTL) - Number(ok.TTL);
    ok.TTL = ok.TTL === -1 ? -1 : Math.floor(lost / 1_000);
  }
  return result;
}

function rangeResponse(response: RangeResponse, request: RangeRequestInput | undefined): unknown {
  const header = { revision: response.header?.revision };
  let kvs: readonly unknown[] = response.kvs;
  if (request?.keys_only === true) kvs = response.kvs.map((kv) => ({ ...kv, lease: 0n }));
  const target = Number(request?.sort_target ?? 0);
  if (target !== 0 && response.count > 12) {
    // Beyond 12 elements etcd's sort is not stable: the sort keys must agree, and so must all records that no
    // limit may have cut out of a group of equals.
    const sortKey = SORT_KEYS[target]!;
    const sequence = response.kvs.map(sortKey);
    const cut = response.more ? sequence.at(-1) : undefined;
    const records = response.kvs
      .filter((kv) => sortKey(kv) !== cut)
      .map((kv) => `${kv.key.toString("hex")} ${kv.mod_revision} ${kv.version} ${kv.value.toString("hex")}`)
      .sort();
    // keys_only empties the values that were sorted by.
    return { header, more: response.more, count: response.count, sequence, records };
  }
  return { header, more: response.more, count: response.count, kvs };
}

export interface RunOptions {
  readonly reference: string;
  readonly subject: string;
  readonly seed: number;
  readonly operations: number;
  /** Given operations instead of generated ones. */
  readonly replay?: readonly Operation[];
  readonly progress?: (done: number) => void;
}

export class Difference extends Error {
  readonly operations: readonly Operation[];
  constructor(text: string, operations: readonly Operation[], cause: unknown) {
    super(text, { cause });
    this.operations = operations;
  }
}

/** Throws a `Difference` that holds all operations up to the first that was answered differently. */
export async function runDifferential(options: RunOptions): Promise<{ revision: number; hashes: number }> {
  const reference = new Side(options.reference);
  const subject = new Side(options.subject);
  const state: StoreState = { revision: 1, compactRevision: -1, neverCompactAt: new Set() };
  const random = new SeededRandom(options.seed);
  const generator = new Generator(random, state);
  const done: Operation[] = [];
  let hashes = 0;

  const both = async (operation: Operation): Promise<void> => {
    done.push(operation);
    const [expected, actual] = await Promise.all([reference.run(operation), subject.run(operation)]);
    try {
      assert.deepStrictEqual(comparable(operation, actual), comparable(operation, expected));
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Difference(
        `operation ${done.length} (${operation.kind}) was answered differently:\n${text}`,
        done,
        error,
      );
    }
    observe(operation, expected);
  };

  const observe = (operation: Operation, outcome: unknown): void => {
    const ok = (outcome as { ok?: { header?: { revision: number } } }).ok;
    if (ok === undefined) return;
    const before = state.revision;
    state.revision = Math.max(state.revision, ok.header?.revision ?? 0);
    if (operation.kind === "txn" && state.revision > before && mayReviveAtOneRevision(operation.request)) {
      state.neverCompactAt.add(state.revision);
    }
    if (operation.kind === "compact") state.compactRevision = operation.request.revision;
  };

  const caughtUp = async (): Promise<void> => {
    if (state.revision > 1)
      await Promise.all([reference.all.waitFor(state.revision), subject.all.waitFor(state.revision)]);
  };

  try {
    for (let i = 0; i < options.operations; i++) {
      const operation = options.replay === undefined ? generator.next() : options.replay[i]!;
      // A watcher's prev_kv is looked up when its event is sent: compaction must not overtake it.
      if (operation.kind === "compact") await caughtUp();
      await both(operation);
      if (operation.kind === "compact" && !operation.request.physical) {
        // Refused, but only after the work in the background is done: hashes depend on it.
        await both({ kind: "compact", request: { revision: operation.request.revision, physical: true } });
      }
      if (i % 500 === 499) options.progress?.(i + 1);
    }
    await caughtUp();
    const from = Math.max(1, state.compactRevision);
    const revisions = new Set([0, state.revision, from]);
    for (let i = 0; i < 20; i++) revisions.add(random.between(from, state.revision));
    for (const revision of revisions) {
      await both({ kind: "hashKv", request: { revision } });
      hashes += 1;
    }
    await both({ kind: "range", request: { ...EVERYTHING } });
    // The other watchers may still be a moment behind the one of everything.
    await new Promise((resolve) => setTimeout(resolve, 500));
    reference.recorders.forEach((recorder, i) => {
      try {
        assert.deepStrictEqual(subject.recorders[i]!.events, recorder.events);
      } catch (error) {
        throw new Difference(
          `watcher ${i} saw different events: ${String(error).slice(0, 4_000)}`,
          done,
          error,
        );
      }
    });
    return { revision: state.revision, hashes };
  } finally {
    for (const side of [reference, subject]) {
      for (const recorder of side.recorders) recorder.close();
      side.etcd.close();
    }
  }
}
