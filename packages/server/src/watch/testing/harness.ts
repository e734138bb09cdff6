import { ManualClock } from "@quorate/testkit/clock";
import { decode, encode } from "@quorate/wire";
import { WatchRequestSchema, WatchResponseSchema } from "@quorate/wire/etcdserverpb";
import { HeaderEncoder } from "@quorate/wire/hot";
import { WatchHub, type WatchHubOptions } from "../hub.ts";
import type { Authorize, WatchStream } from "../stream.ts";
import { MemorySink } from "./memory-sink.ts";
import { bytesOf, MemoryStore, nameOf } from "./memory-store.ts";

export interface CreateFields {
  key?: string | Uint8Array;
  end?: string | Uint8Array;
  start?: bigint | number;
  id?: bigint | number;
  progressNotify?: boolean;
  prevKv?: boolean;
  fragment?: boolean;
  filters?: number[];
}

/** A response as a short text: `H(<revision>) <id> created …`. */
export interface Seen {
  revision: number;
  id: bigint;
  created: boolean;
  canceled: boolean;
  compactRevision: number;
  reason: string;
  fragment: boolean;
  events: SeenEvent[];
  bytes: number;
}

export interface SeenEvent {
  deleted: boolean;
  key: string;
  value: string;
  mod: number;
  create: number;
  version: number;
  lease: bigint;
  prev: { value: string; mod: number; lease: bigint } | undefined;
}

/** A store, a hub on it and a stream or more, without a network. */
export class Harness {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore();
  readonly hub: WatchHub;

  constructor(options: Partial<WatchHubOptions> = {}) {
    this.hub = new WatchHub({
      source: this.store,
      clock: this.clock,
      random: { below: () => 0 },
      headers: new HeaderEncoder(1n, 2n),
      raftTerm: () => 3,
      fragmentBytes: 2_097_152,
      progressIntervalMs: 600_000,
      ...options,
    });
    this.store.onChanges = (main, changes) => this.hub.onChanges(main, changes);
    this.store.onManyChanges = (main, lowest, highest) => this.hub.onManyChanges(main, lowest, highest);
  }

  open(authorize?: Authorize): Client {
    const sink = new MemorySink();
    return new Client(this.hub.openStream(sink, authorize), sink, this.clock);
  }
}

/** The client's side of one stream. */
export class Client {
  readonly stream: WatchStream;
  readonly sink: MemorySink;
  private readonly clock: ManualClock;

  constructor(stream: WatchStream, sink: MemorySink, clock: ManualClock) {
    this.stream = stream;
    this.sink = sink;
    this.clock = clock;
  }

  create(fields: CreateFields): void {
    this.stream.receive(
      encode(WatchRequestSchema, {
        requestUnion: {
          case: "createRequest",
          value: {
            key: bytesOf(fields.key ?? ""),
            rangeEnd: bytesOf(fields.end ?? ""),
            startRevision: BigInt(fields.start ?? 0),
            watchId: BigInt(fields.id ?? 0),
            progressNotify: fields.progressNotify ?? false,
            prevKv: fields.prevKv ?? false,
            fragment: fields.fragment ?? false,
            filters: fields.filters ?? [],
          },
        },
      }),
    );
  }

  cancel(id: bigint | number): void {
    this.stream.receive(
      encode(WatchRequestSchema, {
        requestUnion: { case: "cancelRequest", value: { watchId: BigInt(id) } },
      }),
    );
  }

  progress(): void {
    this.stream.receive(encode(WatchRequestSchema, { requestUnion: { case: "progressRequest", value: {} } }));
  }

  /** What has arrived since the last look, once everything has come to rest; the sink is emptied as often as needed. */
  read(): Seen[] {
    const seen: Seen[] = [];
    for (;;) {
      this.clock.settle();
      const messages = this.sink.take();
      if (messages.length === 0) return seen;
      for (const message of messages) seen.push(see(message));
      this.stream.drained();
    }
  }

  lines(): string[] {
    return this.read().map(lineOf);
  }
}

export function see(message: Uint8Array): Seen {
  const response = decode(WatchResponseSchema, message);
  return {
    revision: Number(response.header?.revision ?? -1n),
    id: response.watchId,
    created: response.created,
    canceled: response.canceled,
    compactRevision: Number(response.compactRevision),
    reason: response.cancelReason,
    fragment: response.fragment,
    bytes: message.length,
    events: response.events.map(({ type, kv, prevKv }) => ({
      deleted: type === 1,
      key: nameOf(kv!.key),
      value: nameOf(kv!.value),
      mod: Number(kv!.modRevision),
      create: Number(kv!.createRevision),
      version: Number(kv!.version),
      lease: kv!.lease,
      prev:
        prevKv === undefined
          ? undefined
          : { value: nameOf(prevKv.value), mod: Number(prevKv.modRevision), lease: prevKv.lease },
    })),
  };
}

/** One response in one line, e.g. `H(6) 0 created` or `H(7) 2 [PUT foo@7 prev@5, DELETE bar@7]`. */
export function lineOf(seen: Seen): string {
  const words = [`H(${seen.revision}) ${seen.id}`];
  if (seen.created) words.push("created");
  if (seen.canceled) words.push("canceled");
  if (seen.compactRevision !== 0) words.push(`compacted ${seen.compactRevision}`);
  if (seen.reason !== "") words.push(`"${seen.reason}"`);
  if (seen.fragment) words.push("fragment");
  if (seen.events.length > 0) {
    const events = seen.events.map(
      ({ deleted, key, mod, prev }) =>
        `${deleted ? "DELETE" : "PUT"} ${key}@${mod}${prev === undefined ? "" : ` prev@${prev.mod}`}`,
    );
    words.push(`[${events.join(", ")}]`);
  }
  return words.join(" ");
}
