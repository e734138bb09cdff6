/**
 * Clients that go on working while their member crashes and comes back: writers with unique, numbered values, and
 * watchers that resume from the last revision they saw. What they were told goes into a `History`.
 */

import { Etcd, EtcdError } from "@quorate/testkit/grpc";
import { type EventHistory, WatchStream } from "@quorate/testkit/history";
import { CompareTarget, type WatchResponse } from "@quorate/testkit/messages";
import type { SeededRandom } from "@quorate/testkit/random";
import type { History } from "./history.ts";

const EVERYTHING = { key: Buffer.from([0]), range_end: Buffer.from([0]) };

/** The member as its clients see it: there is one connection for each of its lives. */
export class Connection {
  readonly endpoint: string;
  #etcd: Etcd | undefined;
  #waiters: ((etcd: Etcd) => void)[] = [];
  #closed = false;

  constructor(endpoint: string) {
    this.endpoint = endpoint;
  }

  up(): Etcd {
    this.#etcd = new Etcd(this.endpoint);
    for (const resolve of this.#waiters.splice(0)) resolve(this.#etcd);
    return this.#etcd;
  }

  down(): void {
    this.#etcd?.close();
    this.#etcd = undefined;
  }

  /** The client of the member's present life, or of the next one. */
  get(): Promise<Etcd> {
    if (this.#etcd !== undefined) return Promise.resolve(this.#etcd);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.down();
    // Nobody may wait for a life that does not come; a closed client fails every call.
    const last = new Etcd(this.endpoint);
    last.close();
    for (const resolve of this.#waiters.splice(0)) resolve(last);
  }
}

/** Something went wrong that a crash does not explain. */
export type Report = (error: unknown) => void;

/** gRPC codes that a crash explains: the outcome of the call is unknown. */
function explainedByCrash(error: unknown): boolean {
  return error instanceof EtcdError && [1, 2, 4, 13, 14].includes(error.code);
}

type Step = (etcd: Etcd, sequence: number) => Promise<void>;

/** Runs steps one after the other until the connection is closed. */
async function forever(connection: Connection, report: Report, step: Step): Promise<void> {
  for (let sequence = 1; !connection.closed; sequence++) {
    const etcd = await connection.get();
    if (connection.closed) return;
    try {
      await step(etcd, sequence);
    } catch (error) {
      if (connection.closed) return;
      if (!explainedByCrash(error)) {
        report(error);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Puts a numbered value under one of a few keys; every tenth step deletes the key instead. */
export function runPutter(
  name: string,
  connection: Connection,
  history: History,
  random: SeededRandom,
  report: Report,
) {
  return forever(connection, report, async (etcd, sequence) => {
    const key = `put/${name}/${random.below(16)}`;
    if (sequence % 10 === 0) {
      const response = await etcd.deleteRange({ key });
      if (response.deleted > 0)
        history.acknowledge({ revision: response.header!.revision, key, value: undefined });
      return;
    }
    const value = `${name}:${sequence}:${"x".repeat(random.below(200))}`;
    const response = await etcd.put({ key, value });
    history.acknowledge({ revision: response.header!.revision, key, value });
  });
}

/** Several puts in flight at once, so that batches are cut by the crash; each lane has numbers of its own. */
export function runBurst(name: string, connection: Connection, history: History, report: Report, lanes = 32) {
  return Promise.all(
    Array.from({ length: lanes }, (_, lane) =>
      forever(connection, report, async (etcd, sequence) => {
        const key = `burst/${name}/${lane}`;
        const value = `${name}.${lane}:${sequence}`;
        const response = await etcd.put({ key, value });
        history.acknowledge({ revision: response.header!.revision, key, value });
      }),
    ),
  );
}

/** Reads a key, then writes it only if nobody else has: a transaction over two keys. */
export function runSwapper(
  name: string,
  connection: Connection,
  history: History,
  random: SeededRandom,
  report: Report,
) {
  return forever(connection, report, async (etcd, sequence) => {
    const key = `swap/${random.below(3)}`;
    const read = await etcd.range({ key });
    const value = `${name}:${sequence}`;
    const copy = `${name}-copy:${sequence}`;
    const response = await etcd.txn({
      compare: [{ key, target: CompareTarget.MOD, mod_revision: read.kvs[0]?.mod_revision ?? 0 }],
      success: [{ request_put: { key, value } }, { request_put: { key: `${key}/copy`, value: copy } }],
    });
    if (!response.succeeded) return;
    history.acknowledge({ revision: response.header!.revision, key, value });
    history.acknowledge({ revision: response.header!.revision, key: `${key}/copy`, value: copy });
  });
}

/** Grants a lease, hangs keys on it and revokes it. */
export function runLeaser(name: string, connection: Connection, history: History, report: Report) {
  let granted = 0n;
  const base = BigInt(name.charCodeAt(name.length - 1)) << 32n;
  return forever(connection, report, async (etcd, sequence) => {
    granted += 1n;
    const { ID } = await etcd.leaseGrant({ TTL: 3_600, ID: base + granted });
    const keys = [`lease/${name}/a`, `lease/${name}/b`];
    for (const [i, key] of keys.entries()) {
      const value = `${name}${i}:${sequence}`;
      const response = await etcd.put({ key, value, lease: ID });
      history.acknowledge({ revision: response.header!.revision, key, value });
    }
    const response = await etcd.leaseRevoke({ ID });
    for (const key of keys)
      history.acknowledge({ revision: response.header!.revision, key, value: undefined });
  });
}

/** Watches everything from revision 2 on and resumes behind the last revision it saw. */
export class Watcher {
  readonly name: string;
  readonly #stream: WatchStream;
  readonly #connection: Connection;
  readonly #report: Report;

  constructor(name: string, connection: Connection, report: Report, history: EventHistory) {
    this.name = name;
    this.#stream = new WatchStream(name, history, 1);
    this.#connection = connection;
    this.#report = report;
  }

  /** The last revision that it was told of. */
  get revision(): number {
    return this.#stream.revision;
  }

  /** Throws when it is told something that cannot be right, or that another watcher was not told. */
  receive(response: WatchResponse): void {
    const problem = this.#stream.receive(response, performance.now());
    if (problem !== undefined) throw new Error(problem);
  }

  async run(): Promise<void> {
    while (!this.#connection.closed) {
      const etcd = await this.#connection.get();
      if (this.#connection.closed) return;
      const stream = etcd.watch();
      try {
        stream.send({ create_request: { ...EVERYTHING, start_revision: this.revision + 1 } });
        for (;;) {
          const response = await stream.poll(1_000);
          if (this.#connection.closed) break;
          if (response === undefined) continue;
          if (response.canceled) {
            this.#report(
              new Error(`${this.name} was cancelled: ${response.cancel_reason} ${response.compact_revision}`),
            );
            return;
          }
          if (response.events.length === 0) continue;
          this.receive(response);
        }
      } catch (error) {
        if (this.#connection.closed) return;
        if (!(error instanceof EtcdError) || !explainedByCrash(error)) {
          this.#report(error);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      stream.cancel();
    }
  }
}
