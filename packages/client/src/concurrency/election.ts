import { EventType, type KeyValue, type ResponseHeader, SortOrder, SortTarget } from "@quorate/wire/messages";
import type { Client } from "../client.ts";
import { present } from "../connection/answers.ts";
import { isCompacted } from "../connection/errors.ts";
import { withPrefix } from "../services/key-ranges.ts";
import { createdIn, waitForTurn } from "./queue-of-keys.ts";
import type { Session } from "./session.ts";

/** The leader's key, whose value is what it proclaims. */
export interface Leader {
  readonly header: ResponseHeader;
  readonly kv: KeyValue;
}

/** An election of one leader at a time, in the order of candidates. Go's concurrency package understands it. */
export class Election {
  /** The candidate's key. */
  readonly key: string;
  readonly #session: Session;
  readonly #prefix: string;
  /** In which the candidate's key was created. */
  #revision: bigint | undefined;

  constructor(session: Session, name: string) {
    this.#session = session;
    this.#prefix = `${name}/`;
    this.key = `${this.#prefix}${BigInt.asUintN(64, session.lease).toString(16)}`;
  }

  /** Waits until this candidate leads. Rejects with a ClientError, and is no candidate any more then. */
  async campaign(value: Uint8Array | string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#waitForElection(value, signal);
    } catch (error) {
      // The own key may be there though nobody has heard of it. What fails once more is no news; the key ends with the session.
      await this.#withdraw().catch(() => {});
      throw error;
    }
  }

  /** Sets another value. Rejects when this candidate is none any more. */
  async proclaim(value: Uint8Array | string): Promise<void> {
    const { client, lease } = this.#session;
    const { succeeded } = await client.kv.txn({
      compare: [createdIn(this.key, this.#revision ?? -1n)],
      success: [{ requestPut: { key: this.key, value, lease } }],
    });
    if (!succeeded) throw new Error("election: not leader");
  }

  /** Leads no longer, or stops to be a candidate. */
  async resign(): Promise<void> {
    if (this.#revision === undefined) return;
    await this.#session.client.kv.txn({
      compare: [createdIn(this.key, this.#revision)],
      success: [{ requestDeleteRange: { key: this.key } }],
    });
    this.#revision = undefined;
  }

  async #waitForElection(value: Uint8Array | string, signal: AbortSignal | undefined): Promise<void> {
    const { client, lease } = this.#session;
    const { header, succeeded, responses } = await client.kv.txn(
      {
        compare: [createdIn(this.key, 0n)],
        success: [{ requestPut: { key: this.key, value, lease } }],
        failure: [{ requestRange: { key: this.key } }],
      },
      { timeoutMs: Number.POSITIVE_INFINITY, signal },
    );
    const existing = responses[0]?.responseRange?.kvs[0];
    this.#revision = succeeded
      ? present(header, "header").revision
      : present(existing, "key of the candidate").createRevision;
    if (existing !== undefined && Buffer.compare(existing.value, Buffer.from(value)) !== 0) {
      await this.proclaim(value);
    }
    await waitForTurn(client, this.#prefix, this.#revision, signal);
  }

  /** Takes the own key away, whether or not it is known since when it is there. */
  async #withdraw(): Promise<void> {
    if (this.#revision !== undefined) return this.resign();
    await this.#session.client.kv.deleteRange({ key: this.key });
  }
}

/** Every leader of an election, and every value that it proclaims, from the present one on. Ends with the signal or a ClientError. */
export async function* observeLeaders(
  client: Client,
  name: string,
  signal?: AbortSignal,
): AsyncGenerator<Leader, void> {
  let last: KeyValue | undefined;
  for (;;) {
    try {
      for await (const leader of leadersInOrder(client, withPrefix(`${name}/`), signal)) {
        if (last !== undefined && isSame(last, leader.kv)) continue;
        last = leader.kv;
        yield leader;
      }
      return;
    } catch (error) {
      // Who leads now is seen by looking again.
      if (!isCompacted(error)) throw error;
    }
  }
}

function isSame(one: KeyValue, other: KeyValue): boolean {
  return one.modRevision === other.modRevision && Buffer.compare(one.key, other.key) === 0;
}

async function* leadersInOrder(
  client: Client,
  range: ReturnType<typeof withPrefix>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Leader, void> {
  const options = { timeoutMs: Number.POSITIVE_INFINITY, signal };
  const withSignal = signal === undefined ? {} : { signal };
  for (;;) {
    const answer = await client.kv.range(
      { ...range, limit: 1, sortTarget: SortTarget.CREATE, sortOrder: SortOrder.ASCEND },
      options,
    );
    const header = present(answer.header, "header");
    const kv = answer.kvs[0];
    let leader: Leader | undefined = kv === undefined ? undefined : { header, kv };
    if (leader === undefined) {
      const watcher = client.watch({ ...range, startRevision: header.revision }, withSignal);
      for await (const changes of watcher) {
        const put = changes.events.find(({ type }) => type === EventType.PUT)?.kv;
        if (put === undefined) continue;
        leader = { header: { ...changes.header, revision: put.modRevision }, kv: put };
        break;
      }
      if (leader === undefined) return;
    }
    yield leader;
    yield* valuesOf(client, leader, withSignal);
  }
}

/** What a leader proclaims after its first value, until it leads no longer. */
async function* valuesOf(
  client: Client,
  { header, kv }: Leader,
  options: { readonly signal?: AbortSignal },
): AsyncGenerator<Leader, void> {
  const watcher = client.watch({ key: kv.key, startRevision: header.revision + 1n }, options);
  for await (const changes of watcher) {
    for (const event of changes.events) {
      if (event.type === EventType.DELETE) return;
      if (event.kv !== undefined)
        yield { header: { ...changes.header, revision: event.kv.modRevision }, kv: event.kv };
    }
  }
}
