import { type ResponseHeader, SortOrder, SortTarget } from "@quorate/wire/messages";
import { present } from "../connection/answers.ts";
import { withPrefix } from "../services/key-ranges.ts";
import { createdIn, waitForTurn } from "./queue-of-keys.ts";
import type { Session } from "./session.ts";

/** A lock that one session of all has at a time, in the order in which they asked. Go's concurrency package understands it. */
export class Mutex {
  /** The key that is the place in the queue. */
  readonly key: string;
  readonly #session: Session;
  readonly #prefix: string;
  #header: ResponseHeader | undefined;

  constructor(session: Session, name: string) {
    this.#session = session;
    this.#prefix = `${name}/`;
    this.key = `${this.#prefix}${BigInt.asUintN(64, session.lease).toString(16)}`;
  }

  /** Of the answer that said that the lock is this session's. */
  get header(): ResponseHeader | undefined {
    return this.#header;
  }

  /** Waits for the lock. Rejects with a ClientError, having left the queue, or with an Error when the session is lost. */
  async lock(signal?: AbortSignal): Promise<void> {
    try {
      this.#header = await this.#waitForLock(signal);
    } catch (error) {
      // The own key may be there though nobody has heard of it. What fails once more is no news; the key ends with the session.
      await this.unlock().catch(() => {});
      throw error;
    }
  }

  /** Leaves the queue, whatever the place in it. */
  async unlock(): Promise<void> {
    await this.#session.client.kv.deleteRange({ key: this.key });
    this.#header = undefined;
  }

  async #waitForLock(signal: AbortSignal | undefined): Promise<ResponseHeader | undefined> {
    const { client, lease } = this.#session;
    const options = { timeoutMs: Number.POSITIVE_INFINITY, signal };
    const owner = {
      ...withPrefix(this.#prefix),
      limit: 1,
      sortTarget: SortTarget.CREATE,
      sortOrder: SortOrder.ASCEND,
    };
    const { header, succeeded, responses } = await client.kv.txn(
      {
        compare: [createdIn(this.key, 0n)],
        success: [{ requestPut: { key: this.key, lease } }, { requestRange: owner }],
        failure: [{ requestRange: { key: this.key } }, { requestRange: owner }],
      },
      options,
    );
    const ownRevision = succeeded
      ? present(header, "header").revision
      : present(responses[0]?.responseRange?.kvs[0], "key of the session").createRevision;
    const first = present(responses[1]?.responseRange, "owner of the lock").kvs[0];
    if (first === undefined || first.createRevision === ownRevision) return header;
    await waitForTurn(client, this.#prefix, ownRevision, signal);
    const mine = await client.kv.range({ key: this.key }, options);
    if (mine.kvs.length === 0) throw new Error("mutex: session is expired");
    return mine.header;
  }
}
