import type { Client } from "@quorate/client";
import {
  describe,
  type Found,
  type Operation,
  type OperationKind,
  searchOrder,
} from "@quorate/testkit/history";
import { SeededRandom } from "@quorate/testkit/random";
import { EventType, type KeyValue, type RangeResponse } from "@quorate/wire/messages";
import { textOf } from "./testing.ts";

const KEYS = ["a", "b", "c", "d", "e"];
const CREATE = 1;
const VALUE = 3;

export interface LoadClient {
  readonly name: string;
  readonly client: Client;
  /**
   * Of one of our proxies: reads are to be as the cluster has it in all, and not only in their values, and nothing is to be
   * written twice. etcd's leasing client writes a key twice that it does not own, and counts versions wrongly.
   */
  readonly isOurs: boolean;
}

export interface RandomLoad {
  readonly seed: number;
  readonly clients: readonly LoadClient[];
  /** To a member, without a proxy in between. */
  readonly direct: Client;
  /** Before all keys. */
  readonly folder: string;
  readonly operationsEach: number;
}

/** Reads and writes at random through all clients at once. Returns what is wrong with what they were told, one line a finding. */
export async function randomLoad(load: RandomLoad): Promise<string[]> {
  const random = new SeededRandom(load.seed);
  const run = new Run(load);
  const { header } = await load.direct.kv.put({ key: `${load.folder}!begin`, value: "" });
  await Promise.all(load.clients.map((each) => run.work(each, random.fork())));
  await run.readAll();
  await run.compare(header!.revision);
  return [...run.problems, ...run.check()];
}

class Run {
  readonly problems: string[] = [];
  readonly #load: RandomLoad;
  readonly #operations = new Set<Operation>();
  readonly #seen: { readonly client: string; readonly kv: KeyValue }[] = [];
  #values = 0;
  #lease = 0n;

  constructor(load: RandomLoad) {
    this.#load = load;
  }

  async work(client: LoadClient, random: SeededRandom): Promise<void> {
    const last = new Map<string, Found>();
    let revision = 0n;
    for (let i = 0; i < this.#load.operationsEach; i++) {
      const key = random.pick(KEYS);
      const step = random.weighted([
        [55, () => this.#get(client, key, last)],
        [17, () => this.#put(client, key, false)],
        [3, () => this.#put(client, key, true)],
        [8, () => this.#delete(client, key)],
        [8, () => this.#swap(client, key, last.get(key) ?? null)],
        [5, () => this.#two(client, random.shuffled(KEYS).slice(0, 2))],
        [4, () => this.#deleteRange(client, random.shuffled(KEYS).slice(0, 2).sort())],
      ]);
      const answered = await step();
      if (answered === undefined) continue;
      if (client.isOurs && answered < revision) {
        this.problems.push(`${client.name} was told of revision ${answered} after ${revision}`);
      }
      revision = answered;
    }
  }

  /** What is there at the end, as a read of each key. */
  async readAll(): Promise<void> {
    const client = { name: "end", client: this.#load.direct, isOurs: true };
    for (const key of KEYS) await this.#get(client, key, new Map());
  }

  /** Searches an order for each key. */
  check(): string[] {
    return KEYS.flatMap((key) => {
      const ofKey = [...this.#operations].filter((operation) => operation.key === key);
      const verdict = searchOrder(ofKey);
      if (verdict === "linearizable") return [];
      return [`${key}: ${verdict}\n${ofKey.map(describe).join("\n")}`];
    });
  }

  /** All that was read and written, with what members have told. */
  async compare(startRevision: bigint): Promise<void> {
    const { direct, folder, clients } = this.#load;
    const { header } = await direct.kv.put({ key: `${folder}!end`, value: "" });
    const there = new Map<string, string>();
    const timesWritten = new Map<string, number>();
    for await (const { events } of direct.watch({ key: folder, rangeEnd: `${folder}~`, startRevision })) {
      for (const { type, kv } of events) {
        if (type !== EventType.PUT) continue;
        there.set(`${textOf(kv!.key)}@${kv!.modRevision}`, textOfKv(kv!));
        const value = textOf(kv!.value);
        timesWritten.set(value, (timesWritten.get(value) ?? 0) + 1);
      }
      if (events.some(({ kv }) => kv!.modRevision >= header!.revision)) break;
    }
    for (const { client, kv } of this.#seen) {
      const wanted = there.get(`${textOf(kv.key)}@${kv.modRevision}`);
      if (wanted !== textOfKv(kv))
        this.problems.push(`${client} has read ${textOfKv(kv)}, which is ${wanted}`);
    }
    const ours = new Set(clients.filter(({ isOurs }) => isOurs).map(({ name }) => name));
    for (const operation of [...this.#operations]) {
      const { value } = operation;
      if (value === undefined) continue;
      const times = timesWritten.get(value) ?? 0;
      if (operation.outcome === "maybe") {
        // Nobody was told, but all that was written is known by now: the search has less to try.
        if (times === 0) this.#operations.delete(operation);
        else operation.endMs = performance.now();
      }
      if (times < 2) continue;
      if (ours.has(operation.client)) this.problems.push(`${times} times written: ${describe(operation)}`);
      for (let more = 1; more < times; more++) this.#operations.add({ ...operation });
    }
  }

  async #get({ name, client, isOurs }: LoadClient, key: string, last: Map<string, Found>) {
    const operation = this.#begin(name, "get", key);
    let response: RangeResponse;
    try {
      response = await client.kv.range({ key: this.#load.folder + key });
    } catch {
      // Nobody was told anything.
      this.#operations.delete(operation);
      return undefined;
    }
    const [kv] = response.kvs;
    if (kv !== undefined && isOurs) this.#seen.push({ client: name, kv });
    const found = kv === undefined ? null : { value: textOf(kv.value), modRevision: Number(kv.modRevision) };
    last.set(key, found);
    operation.found = found;
    return end([operation], response);
  }

  async #put({ name, client }: LoadClient, key: string, isLeased: boolean) {
    const value = this.#newValue(name);
    const lease = isLeased ? await this.#leaseOfAll() : 0n;
    const operation = this.#begin(name, "put", key, value);
    return outcome([operation], client.kv.put({ key: this.#load.folder + key, value, lease }));
  }

  async #delete({ name, client, isOurs }: LoadClient, short: string) {
    const key = this.#load.folder + short;
    const operation = this.#begin(name, "delete", short);
    if (isOurs) return outcome([operation], client.kv.deleteRange({ key }));
    // A second deletion could not be told from the first one: a transaction is made once.
    return outcome([operation], client.kv.txn({ success: [{ requestDeleteRange: { key } }] }));
  }

  async #swap({ name, client }: LoadClient, short: string, expected: Found) {
    const key = this.#load.folder + short;
    const value = this.#newValue(name);
    const operation = this.#begin(name, "swap", short, value, expected);
    const compare =
      expected === null
        ? { key, target: CREATE, createRevision: 0n }
        : { key, target: VALUE, value: expected.value };
    const answer = client.kv.txn({ compare: [compare], success: [{ requestPut: { key, value } }] });
    return outcome(
      [operation],
      answer.then((response) => {
        operation.succeeded = response.succeeded;
        return response;
      }),
    );
  }

  /** Puts one key and removes another one. */
  async #two({ name, client }: LoadClient, [put, removed]: readonly string[]) {
    const value = this.#newValue(name);
    const operations = [this.#begin(name, "put", put!, value), this.#begin(name, "delete", removed!)];
    const { folder } = this.#load;
    const success = [
      { requestPut: { key: folder + put, value } },
      { requestDeleteRange: { key: folder + removed } },
    ];
    return outcome(operations, client.kv.txn({ success }));
  }

  async #deleteRange({ name, client }: LoadClient, [from, to]: readonly string[]) {
    const removed = KEYS.filter((key) => key >= from! && key < to!);
    const operations = removed.map((key) => this.#begin(name, "delete", key));
    const { folder } = this.#load;
    return outcome(operations, client.kv.deleteRange({ key: folder + from, rangeEnd: folder + to }));
  }

  #begin(client: string, kind: OperationKind, key: string, value?: string, expected?: Found): Operation {
    const operation: Operation = {
      ...{ client, member: "", kind, key, value, expected, floor: 0 },
      ...{ startMs: performance.now(), endMs: Number.POSITIVE_INFINITY, outcome: "maybe" },
      ...{ revision: 0, succeeded: false, found: null },
    };
    this.#operations.add(operation);
    return operation;
  }

  #newValue(client: string): string {
    return `${client}-${this.#values++}`;
  }

  async #leaseOfAll(): Promise<bigint> {
    if (this.#lease === 0n) this.#lease = (await this.#load.direct.lease.grant({ TTL: 3_600 })).ID;
    return this.#lease;
  }
}

type Answered = Pick<RangeResponse, "header">;

/** The revision of the answer; undefined when nobody knows what has become of it. */
async function outcome(
  operations: readonly Operation[],
  answer: Promise<Answered>,
): Promise<bigint | undefined> {
  try {
    return end(operations, await answer);
  } catch {
    return undefined;
  }
}

function end(operations: readonly Operation[], { header }: Answered): bigint {
  const revision = header?.revision ?? 0n;
  for (const operation of operations) {
    operation.endMs = performance.now();
    operation.outcome = "ok";
    operation.revision = Number(revision);
  }
  return revision;
}

function textOfKv({ key, value, createRevision, modRevision, version, lease }: KeyValue): string {
  return `${textOf(key)}=${textOf(value)} ${createRevision} ${modRevision} ${version} ${lease}`;
}
