/** A client that goes on writing, as those of a cluster do while it is migrated. */
import { isExplained, MemberClient } from "../../cluster/client.ts";
import { sleep } from "../../cluster/load/session.ts";

const PACE_MS = 10;
const TIMEOUT_MS = 3_000;

export class Writer {
  readonly #clients: readonly MemberClient[];
  readonly #acknowledged: string[] = [];
  #stopping = false;
  #at = 0;
  readonly #working: Promise<void>;

  /** `addresses` of all members that there will ever be: it goes to the next when one does not answer. */
  constructor(addresses: readonly string[]) {
    this.#clients = addresses.map((address) => new MemberClient(address, address));
    this.#working = this.#work();
  }

  async #work(): Promise<void> {
    for (let number = 1; !this.#stopping; number++) {
      const key = `written/${number}`;
      try {
        await this.#client.put({ key, value: String(number) }, TIMEOUT_MS);
        this.#acknowledged.push(key);
      } catch {
        this.#at += 1;
      }
      await sleep(PACE_MS);
    }
  }

  get #client(): MemberClient {
    return this.#clients[this.#at % this.#clients.length]!;
  }

  /** Waits until a write that began after now is acknowledged. */
  async goesOn(): Promise<void> {
    const wanted = this.#acknowledged.length + 2;
    while (this.#acknowledged.length < wanted) await sleep(PACE_MS);
  }

  async close(): Promise<void> {
    this.#stopping = true;
    await this.#working;
    for (const client of this.#clients) client.close();
  }

  /** Stops writing, and throws when an acknowledged write cannot be read; how many there were. */
  async allThere(): Promise<number> {
    this.#stopping = true;
    await this.#working;
    const found = new Set<string>();
    for (let tries = 0; tries < this.#clients.length; tries++, this.#at++) {
      try {
        const { kvs } = await this.#client.range({ key: "written/", range_end: "written0", keys_only: true });
        for (const { key } of kvs) found.add(key.toString());
        break;
      } catch (error) {
        if (!isExplained(error)) throw error;
      }
    }
    const lost = this.#acknowledged.filter((key) => !found.has(key));
    if (lost.length > 0)
      throw new Error(`${lost.length} acknowledged writes are lost: ${lost.slice(0, 5).join(", ")}`);
    return this.#acknowledged.length;
  }
}
