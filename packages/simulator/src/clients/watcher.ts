import type { SeededRandom } from "@quorate/testkit/random";
import { decode, encode } from "@quorate/wire";
import {
  WatchCreateRequest_FilterType,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { Event_EventType } from "@quorate/wire/mvccpb";
import type { Machine } from "../world/machine.ts";
import type { RecordedCall } from "../world/recording.ts";
import type { World } from "../world/world.ts";
import { CallError, type ClientStream, openStream } from "./calls.ts";
import type { Journal } from "./journal.ts";
import type { Session } from "./session.ts";

export interface WatchedChange {
  readonly main: number;
  readonly tombstone: boolean;
  readonly key: string;
  readonly value: string;
  /** What the key held before, if that was asked for and told. */
  readonly previous?: { readonly value: string; readonly modRevision: number } | undefined;
  /** What the key held before was asked for and had not been compacted. */
  readonly wantsPrevious?: boolean;
}

/** What is watched, and how. */
export interface WatcherOptions {
  readonly name: string;
  readonly key: string;
  readonly end: string;
  /** Kinds of changes that are not to be told. */
  readonly filters?: readonly ("puts" | "deletes")[];
  /** Goes to another member each time that its stream ends. */
  readonly roams?: boolean;
  /** Begins at a later revision than it need, now and then, which may not be there yet. */
  readonly looksAhead?: boolean;
  /** Takes nothing for a while, now and then. */
  readonly isSlow?: boolean;
}

type WatchResponse = ReturnType<typeof decode<typeof WatchResponseSchema>>;

const FILTERS = {
  puts: WatchCreateRequest_FilterType.NOPUT,
  deletes: WatchCreateRequest_FilterType.NODELETE,
};
const MEAN_WORK_MS = 1_000;
const MEAN_REST_MS = 500;
const MAX_AHEAD = 300;
const STREAM_TIMEOUT_MS = Number.POSITIVE_INFINITY;

/** Watches [key, end) at one member for ever: goes on behind what it has seen whenever the stream ends. */
export class Watcher {
  readonly options: WatcherOptions;
  readonly seen: WatchedChange[] = [];
  /** Revisions that were compacted before it could see them, or that it did not ask for. */
  readonly gaps: { readonly from: number; readonly to: number }[] = [];
  machine: Machine;
  readonly #world: World;
  readonly #journal: Journal;
  readonly #random: SeededRandom;
  readonly #session: Session | undefined;
  #token: string | undefined;
  /** Everything below has been seen. */
  #next: number;
  #asksForPrevious = false;
  #stream: ClientStream | undefined;
  #recorded: RecordedCall | undefined;
  #stopped = false;

  /** `session`: of a user that may read everything, where there are users. */
  constructor(world: World, journal: Journal, machine: Machine, options: WatcherOptions, session?: Session) {
    this.#session = session;
    this.#world = world;
    this.#journal = journal;
    this.machine = machine;
    this.options = options;
    this.#next = 1;
    this.#random = world.random.fork();
  }

  start(): void {
    this.#connect();
    this.#askForProgressLater();
    if (this.options.isSlow === true) this.#restLater();
  }

  get next(): number {
    return this.#next;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  stop(): void {
    this.#stopped = true;
    this.#stream?.cancel();
  }

  #connect(): void {
    if (this.#stopped) return;
    const { roams } = this.options;
    if (roams === true) this.machine = this.#random.pick(this.#world.machines);
    const session = this.#session;
    if (session === undefined) {
      this.#open();
      return;
    }
    session.tokenFor(this.machine).then(
      (token) => {
        this.#token = token;
        if (!this.#stopped) this.#open();
      },
      (error: unknown) => {
        if (!(error instanceof CallError)) throw error;
        this.#connectLater();
      },
    );
  }

  #open(): void {
    const { name, key, end, filters = [], looksAhead } = this.options;
    if (looksAhead === true && this.#random.chance(0.5)) {
      const ahead = this.#next + 1 + this.#random.below(MAX_AHEAD);
      this.gaps.push({ from: this.#next, to: ahead - 1 });
      this.#next = ahead;
    }
    this.#asksForPrevious = this.#random.chance(0.5);
    this.#recorded = this.#world.recorder?.watched(name, this.machine.name, this.#next);
    const path = "/etcdserverpb.Watch/Watch";
    const events = {
      onMessage: (message: Uint8Array) => {
        if (this.#stream === stream) this.#receive(decode(WatchResponseSchema, message));
      },
      onEnd: (error: CallError) => {
        if (this.#stream === stream) this.#reconnectLater(error);
      },
    };
    const stream = openStream(this.#world, this.machine, path, STREAM_TIMEOUT_MS, events, this.#token);
    this.#stream = stream;
    stream.send(
      encode(WatchRequestSchema, {
        requestUnion: {
          case: "createRequest",
          value: {
            key: Buffer.from(key),
            rangeEnd: Buffer.from(end),
            startRevision: BigInt(this.#next),
            progressNotify: this.#random.chance(0.5),
            prevKv: this.#asksForPrevious,
            filters: filters.map((kind) => FILTERS[kind]),
          },
        },
      }),
    );
  }

  /** `error`: what ended the stream, unless this side did. */
  #reconnectLater(error?: CallError): void {
    if (this.#recorded !== undefined) this.#world.recorder?.ended(this.#recorded, error);
    this.#stream = undefined;
    this.#connectLater();
  }

  #connectLater(): void {
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
    const compacted = this.machine.process?.parts?.store.compactRevision ?? Number.POSITIVE_INFINITY;
    for (const { type, kv, prevKv } of response.events) {
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
        previous: prevKv && {
          value: Buffer.from(prevKv.value).toString(),
          modRevision: Number(prevKv.modRevision),
        },
        wantsPrevious: this.#asksForPrevious && main > compacted,
      });
    }
    const count = response.events.length;
    this.#world.recorder?.delivered(this.options.name, `${count} events up to revision ${last}`);
    // A revision is never divided, so the last one is complete.
    this.#next = last + 1;
    this.#journal.told = Math.max(this.#journal.told, last);
  }

  /** Everything up to `revision` has been sent. */
  #progress(revision: number): void {
    if (revision === 0) return;
    if (revision < this.#next - 1) {
      this.#wrong(`is told of progress up to ${revision}, and has seen everything up to ${this.#next - 1}`);
    }
    this.#next = Math.max(this.#next, revision + 1);
  }

  #canceled(response: WatchResponse): void {
    const compacted = Number(response.compactRevision);
    this.#session?.refused(this.#token, response.cancelReason);
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
    const roams = this.options.roams === true;
    this.#world.time.after(
      roams ? this.#random.exponential(300) : 500 + this.#random.exponential(1_500),
      () => {
        if (this.#stopped) return;
        this.#stream?.send(
          encode(WatchRequestSchema, { requestUnion: { case: "progressRequest", value: {} } }),
        );
        if (this.#random.chance(roams ? 0.5 : 0.1)) {
          this.#stream?.cancel();
          this.#reconnectLater();
        }
        this.#askForProgressLater();
      },
    );
  }

  /** Rests, and goes on. */
  #restLater(): void {
    this.#world.time.after(this.#random.exponential(MEAN_WORK_MS), () => {
      const stream = this.#stream;
      stream?.pause();
      this.#world.time.after(this.#random.exponential(MEAN_REST_MS), () => {
        stream?.resume();
        if (!this.#stopped) this.#restLater();
      });
    });
  }

  #wrong(text: string): void {
    const { name } = this.options;
    this.#world.violation(`watcher ${name} at ${this.machine.name} ${text}`, "watches");
  }
}
