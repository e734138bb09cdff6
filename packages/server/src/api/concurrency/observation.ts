import type { ServerCall } from "@quorate/rpc/server";
import { encode } from "@quorate/wire";
import type { ResponseHeader } from "@quorate/wire/etcdserverpb";
import { Event_EventType as EventType, type KeyValue } from "@quorate/wire/mvccpb";
import { LeaderResponseSchema } from "@quorate/wire/v3electionpb";
import { grpcError, isRefusedWith } from "../../errors.ts";
import { allUnder, firstCreated } from "./contenders.ts";
import type { OwnClient } from "./own-client.ts";

/** A leader, or what it proclaims, and as of when. */
interface Seen {
  readonly kv: KeyValue;
  readonly header: ResponseHeader;
}

/** `Election.Observe`: tells a client who leads, and what leaders proclaim, until it has gone. */
export class Observation {
  readonly #client: OwnClient;
  readonly #prefix: Uint8Array;
  readonly #call: ServerCall;
  readonly #signal: AbortSignal;
  #wake = (): void => {};

  constructor(client: OwnClient, prefix: Uint8Array, call: ServerCall, signal: AbortSignal) {
    this.#client = client;
    this.#prefix = prefix;
    this.#call = call;
    this.#signal = signal;
    call.onDrain = () => this.#wake();
    signal.addEventListener("abort", () => this.#wake(), { once: true });
  }

  /** Ends by failing. */
  async run(): Promise<never> {
    for (;;) {
      try {
        const leader = await this.#findLeader();
        await this.#tell(leader);
        await this.#followUntilDeleted(leader);
      } catch (error) {
        // Who leads now is seen by looking again.
        if (!isRefusedWith(error, "COMPACTED")) throw error;
      }
    }
  }

  async #findLeader(): Promise<Seen> {
    const { header, kvs } = await this.#client.range(firstCreated(this.#prefix));
    const [first] = kvs;
    return first === undefined ? await this.#firstPut(header!.revision + 1n) : { kv: first, header: header! };
  }

  /** Waits for somebody to campaign. */
  async #firstPut(startRevision: bigint): Promise<Seen> {
    const request = { ...allUnder(this.#prefix), startRevision };
    for await (const { header, events } of this.#client.watch(request, this.#signal)) {
      const kv = events.find(({ type }) => type === EventType.PUT)?.kv;
      // There may have been more puts by now.
      if (kv !== undefined) return { kv, header: { ...header!, revision: kv.modRevision } };
    }
    throw grpcError("WATCH_CANCELED");
  }

  async #followUntilDeleted({ kv: { key }, header }: Seen): Promise<void> {
    const request = { key, startRevision: header.revision + 1n };
    for await (const response of this.#client.watch(request, this.#signal)) {
      for (const { type, kv } of response.events) {
        if (type === EventType.DELETE) return;
        await this.#tell({ kv: kv!, header: response.header! });
      }
    }
  }

  async #tell(seen: Seen): Promise<void> {
    if (this.#call.send(encode(LeaderResponseSchema, seen)) || this.#signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }
}
