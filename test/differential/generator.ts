/**
 * Random operations over a small key space, so that they meet each other: every option of every request, nested
 * transactions, requests that must be refused. What etcd itself cannot survive is left out (see `isPoison`).
 */
import type {
  CompareInput,
  DeleteRangeRequestInput,
  PutRequestInput,
  RangeRequestInput,
  RequestOpInput,
  TxnRequestInput,
} from "@quorate/testkit/messages";
import type { SeededRandom } from "@quorate/testkit/random";
import type { Operation } from "./operation.ts";

/** What the generator knows of the store; the runner keeps it up to date from responses. */
export interface StoreState {
  revision: number;
  /** -1 before the first compaction. */
  compactRevision: number;
  /**
   * Revisions whose txn deleted "from key" and put a key behind it. An exact compaction there makes etcd 3.7
   * drop a live record and crash on reading it, so runs never compact at one of them.
   */
  readonly neverCompactAt: Set<number>;
}

const FROM_KEY = Buffer.from([0]);
const LEASES = [1n, 2n, 3n, 4n, 5n, -1n, -9n, 0x7fff_ffff_ffff_ffffn, 0x1234_5678_9abc_def0n];
const UNKNOWN_FIELD = "f80701";

const KEYS: readonly Buffer[] = [
  ..."abcdefgh".split("").map((key) => Buffer.from(key)),
  ..."abcd".split("").flatMap((a) => ["a", "b", "/", "\0"].map((b) => Buffer.from(a + b))),
  Buffer.from([0]),
  Buffer.from([0, 0]),
  Buffer.from([0xff]),
  Buffer.from([0xff, 0xff]),
  Buffer.from("a much longer key that does not fit into a small inline buffer, with a tail"),
  ...Array.from({ length: 20 }, (_, i) => Buffer.from(`key/${String(i).padStart(3, "0")}`)),
];

export class Generator {
  readonly #random: SeededRandom;
  readonly #state: StoreState;

  constructor(random: SeededRandom, state: StoreState) {
    this.#random = random;
    this.#state = state;
  }

  next(): Operation {
    const random = this.#random;
    const kind = random.weighted([
      [34, "put"],
      [24, "range"],
      [4, "rangeStream"],
      [9, "deleteRange"],
      [20, "txn"],
      [1, "compact"],
      [3, "leaseGrant"],
      [1.5, "leaseRevoke"],
      [1.5, "leaseTimeToLive"],
      [0.5, "leaseLeases"],
      [0.5, "keepAlive"],
      [1, "hashKv"],
      [0.4, "watch"],
    ] as const);
    switch (kind) {
      case "put":
        return { kind, request: this.#put(), ...this.#extra("20002800") };
      case "range":
        return { kind, request: this.#range(), ...this.#extra("12001800") };
      case "rangeStream":
        return { kind, request: this.#streamRange() };
      case "deleteRange":
        return { kind, request: this.#deleteRange(), ...this.#extra("1800") };
      case "txn":
        return { kind, request: this.#txn(3), ...this.#extra("") };
      case "compact":
        return { kind, request: { revision: this.#compactionRevision(), physical: random.chance(0.8) } };
      case "leaseGrant":
        return {
          kind,
          request: {
            ID: random.pick(LEASES),
            TTL: random.pick([5_000, 100_000, 9_000_000_000, 9_000_000_001]),
          },
        };
      case "leaseRevoke":
        return { kind, request: { ID: random.pick(LEASES) } };
      case "leaseTimeToLive":
        return { kind, request: { ID: random.pick(LEASES), keys: random.chance(0.7) } };
      case "leaseLeases":
        return { kind, request: {} };
      case "keepAlive":
        return { kind, request: { ID: random.pick(LEASES) } };
      case "hashKv":
        return { kind, request: { revision: random.chance(0.3) ? 0 : this.#revision() } };
      case "watch":
        return {
          kind,
          request: {
            start_revision: this.#between(Math.max(1, this.#state.compactRevision), this.#state.revision),
            prev_kv: random.chance(0.5),
            filters: random.chance(0.3) ? [random.below(2)] : [],
          },
        };
    }
  }

  #between(from: number, to: number): number {
    return from >= to ? from : this.#random.between(from, to);
  }

  /** Encodings that a careful client does not send: unknown fields, explicit zeros. */
  #extra(explicitZeros: string): { extra: string } | Record<string, never> {
    if (!this.#random.chance(0.04)) return {};
    return { extra: this.#random.chance(0.5) ? UNKNOWN_FIELD : explicitZeros };
  }

  #key(): Buffer {
    return this.#random.chance(0.005) ? Buffer.alloc(0) : this.#random.pick(KEYS);
  }

  #rangeEnd(key: Buffer): Buffer | undefined {
    return this.#random.weighted<() => Buffer | undefined>([
      [4, () => undefined],
      [4, () => this.#random.pick(KEYS)],
      [2, () => FROM_KEY],
      [2, () => nextPrefix(key)],
      [1, () => Buffer.concat([key, FROM_KEY])],
    ])();
  }

  #value(): Buffer {
    const random = this.#random;
    return random.weighted([
      [2, () => Buffer.alloc(0)],
      [10, () => Buffer.from(String(random.below(20)))],
      [4, () => random.bytes(random.below(40))],
      [1, () => random.bytes(random.between(200, 3000))],
    ] as const)();
  }

  #lease(): bigint {
    return this.#random.chance(0.25) ? this.#random.pick(LEASES) : 0n;
  }

  /** Mostly a readable revision, sometimes one that must be refused. */
  #revision(): number {
    const { revision, compactRevision } = this.#state;
    return this.#random.weighted([
      [8, () => this.#between(Math.max(1, compactRevision), revision)],
      [1, () => compactRevision],
      [0.5, () => compactRevision - 1],
      [0.5, () => revision + 1],
      [0.3, () => revision + 1000],
      [0.3, () => -1],
    ] as const)();
  }

  #compactionRevision(): number {
    const { revision, compactRevision, neverCompactAt } = this.#state;
    let at = this.#random.weighted([
      [8, () => this.#between(compactRevision + 1, revision)],
      [1, () => revision],
      [1, () => compactRevision],
      [0.5, () => revision + 1],
      [0.5, () => -3],
    ] as const)();
    while (neverCompactAt.has(at)) at -= 1;
    return at;
  }

  #put(): PutRequestInput {
    const random = this.#random;
    const ignore_value = random.chance(0.05);
    const ignore_lease = random.chance(0.05);
    const wrong = random.chance(0.01);
    return {
      key: this.#key(),
      value: ignore_value && !wrong ? undefined : this.#value(),
      lease: ignore_lease && !wrong ? 0n : this.#lease(),
      prev_kv: random.chance(0.4),
      ignore_value,
      ignore_lease,
    };
  }

  #range(): RangeRequestInput {
    const random = this.#random;
    const key = this.#key();
    const filter = (): number | undefined => (random.chance(0.06) ? this.#revision() : undefined);
    return {
      key,
      range_end: this.#rangeEnd(key),
      limit: random.weighted([
        [5, 0],
        [3, random.between(1, 6)],
        [1, random.between(1, 60)],
        [0.2, -2],
      ]),
      revision: random.chance(0.3) ? this.#revision() : 0,
      sort_order: random.weighted([
        [5, 0],
        [2, 1],
        [2, 2],
        [0.05, 3],
      ]),
      sort_target: random.weighted([
        [5, 0],
        [1, 1],
        [1, 2],
        [1, 3],
        [1, 4],
        [0.05, 5],
      ]),
      serializable: random.chance(0.3),
      keys_only: random.chance(0.15),
      count_only: random.chance(0.1),
      min_mod_revision: filter(),
      max_mod_revision: filter(),
      min_create_revision: filter(),
      max_create_revision: filter(),
    };
  }

  /** Without sort targets: etcd continues such streams from the wrong key. */
  #streamRange(): RangeRequestInput {
    const { sort_order, sort_target, limit, ...rest } = this.#range();
    const ascending = sort_order === 1 || sort_order === 2 ? sort_order : 0;
    return {
      ...rest,
      sort_order: sort_target === 0 ? ascending : 0,
      limit: Number(limit ?? 0) < 0 ? 0 : limit,
    };
  }

  #deleteRange(): DeleteRangeRequestInput {
    const key = this.#key();
    // Whole-store deletes are rare, or the store would always be empty.
    let range_end = this.#rangeEnd(key);
    if (range_end?.equals(FROM_KEY) === true && this.#random.chance(0.8)) range_end = undefined;
    return { key, range_end, prev_kv: this.#random.chance(0.5) };
  }

  #compare(): CompareInput {
    const random = this.#random;
    const key = this.#key();
    const target = random.below(5);
    const operand = random.chance(0.03) ? random.below(5) : target;
    return {
      key,
      target: random.chance(0.01) ? 7 : target,
      result: random.chance(0.01) ? 9 : random.below(4),
      range_end: random.chance(0.3) ? this.#rangeEnd(key) : undefined,
      version: operand === 0 ? random.below(4) : undefined,
      create_revision: operand === 1 ? this.#revisionNearby() : undefined,
      mod_revision: operand === 2 ? this.#revisionNearby() : undefined,
      value: operand === 3 ? this.#value() : undefined,
      lease: operand === 4 ? this.#lease() : undefined,
    };
  }

  #revisionNearby(): number {
    return this.#random.chance(0.2) ? 0 : Math.max(0, this.#state.revision - this.#random.below(60));
  }

  #operation(depth: number): RequestOpInput {
    const random = this.#random;
    return random.weighted<() => RequestOpInput>([
      [10, () => ({ request_put: this.#put() })],
      [7, () => ({ request_range: this.#range() })],
      [4, () => ({ request_delete_range: this.#deleteRange() })],
      [depth > 0 ? 3 : 0, () => ({ request_txn: this.#txn(depth - 1) })],
      [0.05, () => ({})],
    ])();
  }

  #txn(depth: number): TxnRequestInput {
    const random = this.#random;
    const operations = (): RequestOpInput[] =>
      Array.from(
        {
          length: random.weighted([
            [2, 0],
            [4, 1],
            [4, 2],
            [3, 4],
            [0.5, 12],
          ]),
        },
        () => this.#operation(depth),
      );
    for (;;) {
      const request: TxnRequestInput = {
        compare: Array.from(
          {
            length: random.weighted([
              [4, 0],
              [4, 1],
              [2, 2],
            ]),
          },
          () => this.#compare(),
        ),
        success: operations(),
        failure: operations(),
      };
      if (depth < 3 || !isPoison(request)) return request;
    }
  }
}

function nextPrefix(key: Buffer): Buffer {
  const end = Buffer.from(key);
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i]! < 0xff) {
      end[i]! += 1;
      return end.subarray(0, i + 1);
    }
  }
  return FROM_KEY;
}

interface Contents {
  deletesFromKey: boolean;
  puts: boolean;
  ignoringPuts: boolean;
}

function contents(operations: readonly RequestOpInput[] | undefined, found: Contents): Contents {
  for (const operation of operations ?? []) {
    const { request_delete_range: del, request_put: put, request_txn: nested } = operation;
    if (del?.range_end !== undefined && Buffer.from(del.range_end).equals(FROM_KEY))
      found.deletesFromKey = true;
    if (put !== undefined) {
      found.puts = true;
      if (put.ignore_value === true || put.ignore_lease === true) found.ignoringPuts = true;
    }
    if (nested !== undefined) {
      contents(nested.success, found);
      contents(nested.failure, found);
    }
  }
  return found;
}

function contentsOf(request: TxnRequestInput): Contents {
  const found = { deletesFromKey: false, puts: false, ignoringPuts: false };
  contents(request.success, found);
  return contents(request.failure, found);
}

/**
 * A txn that deletes "from key" and then puts with ignore_value or ignore_lease passes etcd's checks and crashes
 * its apply; ours refuses it. It cannot be compared.
 */
function isPoison(request: TxnRequestInput): boolean {
  const { deletesFromKey, ignoringPuts } = contentsOf(request);
  return deletesFromKey && ignoringPuts;
}

/** See `StoreState.neverCompactAt`. */
export function mayReviveAtOneRevision(request: TxnRequestInput): boolean {
  const { deletesFromKey, puts } = contentsOf(request);
  return deletesFromKey && puts;
}
