/** Watches every key on one member and resumes behind the last revision it saw, whatever ends its streams. */
import type { ClientStream } from "@quorate/rpc/client";
import { Code, GrpcError, type GrpcStatus } from "@quorate/rpc/status";
import { WatchStream } from "@quorate/testkit/history";
import { WatchRequest, WatchResponse } from "@quorate/testkit/messages";
import { type Session, sleep } from "./session.ts";

const EVERY_KEY = { key: Buffer.from([0]), range_end: Buffer.from([0]) };
const PROGRESS_INTERVAL_MS = 300;
/** A stream that says nothing at all for so long is given up: its member may be gone without a word. */
const SILENCE_MS = 30_000;

export class Watcher {
  readonly #session: Session;
  readonly #stream: WatchStream;
  #open: ClientStream | undefined;
  #broken = false;
  #closed = false;
  resumes = 0;

  constructor(session: Session, name: string, afterRevision: number) {
    this.#session = session;
    this.#stream = new WatchStream(name, session.journal.history, afterRevision);
  }

  /** The last revision delivered. */
  get revision(): number {
    return this.#stream.revision;
  }

  /** Runs until `close`, or until something is wrong with what it is told. */
  async run(): Promise<void> {
    while (!this.#closed && !this.#broken) {
      try {
        await this.#follow();
      } catch (error) {
        if (this.#closed) return;
        this.#session.journal.noteError(error, this.#stream.name);
      }
      this.resumes += 1;
      await sleep(30);
    }
  }

  close(): void {
    this.#closed = true;
    this.#open?.cancel();
  }

  /** One stream, from opening to its end. */
  async #follow(): Promise<void> {
    const stream = await this.#session.client.stream("Watch/Watch");
    if (this.#closed) {
      stream.cancel();
      return;
    }
    this.#open = stream;
    let heardMs = performance.now();
    const ended = new Promise<GrpcStatus>((resolve) => {
      stream.onEnd = resolve;
    });
    stream.onMessage = (message) => {
      heardMs = performance.now();
      this.#receive(WatchResponse.decode(message), stream);
    };
    stream.send(WatchRequest.encode({ create_request: { ...EVERY_KEY, start_revision: this.revision + 1 } }));
    const timer = setInterval(() => {
      if (performance.now() - heardMs > SILENCE_MS) stream.cancel();
      else stream.send(WatchRequest.encode({ progress_request: {} }));
    }, PROGRESS_INTERVAL_MS);
    const status = await ended;
    clearInterval(timer);
    this.#open = undefined;
    if (!this.#closed && !this.#broken && status.code !== Code.OK) {
      throw new GrpcError(status.code, status.details);
    }
  }

  #receive(response: WatchResponse, stream: ClientStream): void {
    if (this.#broken || this.#closed) return;
    const { journal } = this.#session;
    let problem = this.#stream.receive(response, performance.now());
    if (response.canceled) {
      problem = `${this.#stream.name} was cancelled behind revision ${this.revision}: "${response.cancel_reason}", compact revision ${response.compact_revision}`;
    }
    if (problem === undefined) {
      // Not for the member's life: etcd tells watchers of a change just before its reads show it.
      if (response.events.length > 0) journal.observe(this.revision, undefined);
      return;
    }
    journal.problem(problem);
    this.#broken = true;
    stream.cancel();
  }
}
