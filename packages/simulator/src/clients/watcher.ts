import { decode, encode } from "@quorate/wire";
import { WatchRequestSchema, WatchResponseSchema } from "@quorate/wire/etcdserverpb";
import { Event_EventType } from "@quorate/wire/mvccpb";
import type { Journal } from "../checks/journal.ts";
import type { Machine } from "../world/machine.ts";
import type { SeededRandom } from "../world/seeded-random.ts";
import type { World } from "../world/world.ts";
import { type ClientStream, openStream } from "./calls.ts";

export interface WatchedChange {
  readonly main: number;
  readonly tombstone: boolean;
  readonly key: string;
  readonly value: string;
}

type WatchResponse = ReturnType<typeof decode<typeof WatchResponseSchema>>;

const STREAM_TIMEOUT_MS = Number.POSITIVE_INFINITY;

/** Watches [key, end) at one member for ever: goes on behind what it has seen whenever the stream ends. */
export class Watcher {
  readonly name: string;
  readonly key: string;
  readonly end: string;
  readonly seen: WatchedChange[] = [];
  /** Revisions that were compacted before it could see them. */
  readonly gaps: { readonly from: number; readonly to: number }[] = [];
  machine: Machine;
  readonly #world: World;
  readonly #journal: Journal;
  readonly #random: SeededRandom;
  /** Everything below has been seen. */
  #next: number;
  #stream: ClientStream | undefined;
  #stopped = false;

  constructor(world: World, journal: Journal, machine: Machine, name: string, key: string, end: string) {
    this.#world = world;
    this.#journal = journal;
    this.machine = machine;
    this.name = name;
    this.key = key;
    this.end = end;
    this.#next = 1;
    this.#random = world.random.fork();
    this.#connect();
    this.#askForProgressLater();
  }

  get next(): number {
    return this.#next;
  }

  stop(): void {
    this.#stopped = true;
    this.#stream?.cancel();
  }

  #connect(): void {
    if (this.#stopped) return;
    const stream = openStream(this.#world, this.machine, "/etcdserverpb.Watch/Watch", STREAM_TIMEOUT_MS, {
      onMessage: (message) => {
        if (this.#stream === stream) this.#receive(decode(WatchResponseSchema, message));
      },
      onEnd: () => {
        if (this.#stream === stream) this.#reconnectLater();
      },
    });
    this.#stream = stream;
    stream.send(
      encode(WatchRequestSchema, {
        requestUnion: {
          case: "createRequest",
          value: {
            key: Buffer.from(this.key),
            rangeEnd: Buffer.from(this.end),
            startRevision: BigInt(this.#next),
            progressNotify: this.#random.chance(0.5),
          },
        },
      }),
    );
  }

  #reconnectLater(): void {
    this.#stream = undefined;
    this.#world.time.after(50 + this.#random.exponential(150), () => this.#connect());
  }

  #receive(response: WatchResponse): void {
    if (response.canceled) {
      this.#canceled(response);
      return;
    }
    if (response.created) return;
    const revision = Number(response.header!.revision);
    if (response.events.length === 0) {
      this.#progress(revision);
      return;
    }
    let last = 0;
    for (const { type, kv } of response.events) {
      const main = Number(kv!.modRevision);
      const key = Buffer.from(kv!.key).toString();
      if (main < this.#next) this.#wrong(`got revision ${main} again, or late: it waits for ${this.#next}`);
      if (main < last) this.#wrong(`got revision ${main} after ${last}`);
      last = main;
      this.seen.push({
        main,
        tombstone: type === Event_EventType.DELETE,
        key,
        value: Buffer.from(kv!.value).toString(),
      });
    }
    // A revision is never divided, so the last one is complete.
    this.#next = last + 1;
    this.#journal.told = Math.max(this.#journal.told, last);
  }

  /** Everything up to `revision` has been sent. */
  #progress(revision: number): void {
    if (revision === 0) return;
    this.#next = Math.max(this.#next, revision + 1);
  }

  #canceled(response: WatchResponse): void {
    const compacted = Number(response.compactRevision);
    if (compacted > 0) {
      if (compacted <= this.#next) {
        this.#wrong(`was canceled for a compaction at ${compacted}, and waits for ${this.#next}`);
      }
      this.gaps.push({ from: this.#next, to: compacted - 1 });
      this.#next = compacted;
    }
    this.#stream?.cancel();
    this.#reconnectLater();
  }

  #askForProgressLater(): void {
    this.#world.time.after(500 + this.#random.exponential(1_500), () => {
      if (this.#stopped) return;
      this.#stream?.send(
        encode(WatchRequestSchema, { requestUnion: { case: "progressRequest", value: {} } }),
      );
      if (this.#random.chance(0.1)) {
        this.#stream?.cancel();
        this.#reconnectLater();
      }
      this.#askForProgressLater();
    });
  }

  #wrong(text: string): void {
    this.#world.violation(`watcher ${this.name} at ${this.machine.name} ${text}`);
  }
}
