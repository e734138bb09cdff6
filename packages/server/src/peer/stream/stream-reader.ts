import type net from "node:net";
import { isLocalMessage, type Message, MessageType, type NodeId } from "@quorate/raft";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Random } from "@quorate/storage/seams/random";
import type { Slices } from "@quorate/storage/slices";
import { formatId } from "../../cluster/ids.ts";
import { Backoff } from "../backoff.ts";
import type { DialSchedule } from "../dial-schedule.ts";
import type { PeerDialer } from "../dialer.ts";
import { identityHeaders, type PeerIdentity, supportsStreams } from "../identity.ts";
import type { PeerCounts } from "../metrics.ts";
import type { PeerAddress } from "../peer-address.ts";
import type { PeerStatus } from "../peer-status.ts";
import { RemovedError, streamSaysRemoved } from "../removal.ts";
import type { UrlPicker } from "../url-picker.ts";
import { MessageFrameDecoder } from "./message-frames.ts";
import { MsgAppDecoder } from "./msgapp-frames.ts";
import { type ResponseHead, ResponseReader } from "./response-reader.ts";
import { StreamInput } from "./stream-input.ts";
import type { StreamKind } from "./stream-writer.ts";

/** Of an answer that refuses the stream. */
const MAX_REFUSAL_BYTES = 4096;

export interface StreamReaderOptions {
  readonly kind: StreamKind;
  readonly peerId: NodeId;
  readonly identity: PeerIdentity;
  readonly dialer: PeerDialer;
  readonly picker: UrlPicker;
  readonly schedule: DialSchedule;
  readonly status: PeerStatus;
  readonly counts: PeerCounts;
  readonly clock: Clock;
  readonly random: Random;
  readonly dialTimeoutMs: number;
  /** A stream without a byte for so long is dropped. */
  readonly readTimeoutMs: number;
  /** For decoding what comes. */
  readonly receiving: Slices;
  /** Messages that came at once. May throw to end the stream. */
  readonly receive: (messages: readonly Message[]) => void;
  /** The peer says that this member has been removed from the cluster. */
  readonly onRemoved: () => void;
}

/**
 * What a peer sends on one of its two streams: a request of ours whose response does not end. It is made again for as
 * long as this is open, a tenth of a second after a stream has ended, and ever less often when it is refused.
 */
export class StreamReader {
  readonly #options: StreamReaderOptions;
  readonly #backoff: Backoff;
  readonly #aborter = new AbortController();

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
    void this.#run();
  }

  close(): void {
    this.#aborter.abort();
  }

  async #run(): Promise<void> {
    const { picker, schedule } = this.#options;
    const { signal } = this.#aborter;
    let pauseMs = 0;
    for (;;) {
      await schedule.whenFree(pauseMs, signal);
      if (signal.aborted) return;
      const address = picker.current;
      if (address !== undefined) {
        try {
          await this.#read(address);
        } catch (error) {
          if (!signal.aborted) this.#failed(address, error as Error);
        }
      }
      pauseMs = this.#backoff.next();
    }
  }

  async #read(address: PeerAddress): Promise<void> {
    const { clock, dialer, dialTimeoutMs, readTimeoutMs, schedule } = this.#options;
    const startedMs = clock.nowMs();
    const attempt = new AbortController();
    const signal = AbortSignal.any([this.#aborter.signal, attempt.signal]);
    const dial = schedule.begin(() => attempt.abort());
    let isEstablished = false;
    const response = new StreamResponse(this.#options, {
      onAnswered: () => schedule.answered(dial),
      onEstablished: () => {
        isEstablished = true;
        this.#backoff.reset();
      },
    });
    let socket: net.Socket | undefined;
    try {
      socket = await dialer.dial(address, dialTimeoutMs, signal);
      socket.setTimeout(readTimeoutMs);
      socket.write(this.#request(address));
      await response.readFrom(socket, signal);
    } catch (error) {
      if (!attempt.signal.aborted) throw error;
    } finally {
      schedule.end(dial);
      if (isEstablished) schedule.broken();
      else if (!response.isAnswered) schedule.failed(startedMs);
      socket?.destroy();
    }
  }

  #request(address: PeerAddress): string {
    const { identity, kind, peerId } = this.#options;
    const headers = { ...identityHeaders(identity), "X-Raft-To": formatId(peerId) };
    return [
      `GET /raft/stream/${kind}/${formatId(identity.localId)} HTTP/1.1`,
      `Host: ${address.authority}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      "\r\n",
    ].join("\r\n");
  }

  #failed(address: PeerAddress, error: Error): void {
    const { kind, onRemoved, picker, status } = this.#options;
    picker.failed(address);
    // A release too old for streams is reached by posts all the same.
    if (!(error instanceof UnsupportedStreamError)) status.deactivate(`${kind} stream: ${error.message}`);
    if (error instanceof RemovedError) onRemoved();
  }
}

class UnsupportedStreamError extends Error {}

interface StreamResponseEvents {
  /** The peer has answered, whatever it says. */
  readonly onAnswered: () => void;
  /** The stream is there. */
  readonly onEstablished: () => void;
}

/** One response to a request for a stream. */
class StreamResponse {
  readonly #options: StreamReaderOptions;
  readonly #input: StreamInput;
  readonly #reader: ResponseReader;
  readonly #events: StreamResponseEvents;
  #status = 0;
  #clusterId: string | undefined;
  #refusal = "";
  #ended = false;

  constructor(options: StreamReaderOptions, events: StreamResponseEvents) {
    this.#options = options;
    this.#events = events;
    const decoder =
      options.kind === "msgapp"
        ? new MsgAppDecoder(options.peerId, options.identity.localId)
        : new MessageFrameDecoder();
    this.#input = new StreamInput(decoder, options.receiving);
    this.#reader = new ResponseReader({
      onHead: (head) => this.#onHead(head),
      onBody: (chunk, start, end) => this.#onBody(chunk, start, end),
      onEnd: () => {
        this.#ended = true;
      },
    });
  }

  get isAnswered(): boolean {
    return this.#status !== 0;
  }

  /** Resolves when the stream ended in good order; rejects with the reason why there is none, or no more. */
  readFrom(socket: net.Socket, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const finish = (error?: Error) => {
        isOver = true;
        signal.removeEventListener("abort", onAbort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onAbort = () => finish(new Error("stream is closed"));
      signal.addEventListener("abort", onAbort);
      const take = (bytes: Buffer | undefined) => {
        try {
          this.#take(bytes);
          if (this.#input.mustWait) wait();
          else if (this.#ended) this.#finish(finish);
          else if (socket.isPaused()) socket.resume();
        } catch (error) {
          finish(error as Error);
          socket.destroy();
        }
      };
      const wait = () => {
        socket.pause();
        void this.#options.receiving.next().then(() => {
          if (!isOver) take(undefined);
        });
      };
      socket.on("data", take);
      socket.on("end", () => {
        try {
          this.#reader.end();
          this.#finish(finish);
        } catch (error) {
          finish(error as Error);
        }
      });
      socket.on("timeout", () => finish(new Error("i/o timeout")));
      socket.on("error", finish);
      socket.on("close", () => finish(new Error("connection closed")));
      if (signal.aborted) onAbort();
      else if (socket.destroyed) finish(new Error("connection closed"));
    });
  }

  /** What has come; undefined: the next turn. */
  #take(bytes: Buffer | undefined): void {
    try {
      if (bytes === undefined) this.#input.goOn();
      else this.#reader.push(bytes);
    } finally {
      // What came before a mistake is good.
      this.#deliver();
    }
  }

  #onHead({ status, headers }: ResponseHead): void {
    this.#status = status;
    this.#events.onAnswered();
    if (!supportsStreams(headers.get("x-server-version"))) {
      throw new UnsupportedStreamError("unsupported stream type");
    }
    this.#clusterId = headers.get("x-etcd-cluster-id");
    if (status !== 200) return;
    this.#options.status.activate();
    this.#events.onEstablished();
  }

  #onBody(chunk: Uint8Array, start: number, end: number): void {
    if (this.#status === 200) {
      this.#options.counts.receivedBytes += end - start;
      this.#input.push(chunk, start, end);
      return;
    }
    this.#refusal += Buffer.from(chunk.subarray(start, end)).toString("latin1");
    if (this.#refusal.length > MAX_REFUSAL_BYTES) throw this.#refused();
  }

  #deliver(): void {
    const messages = this.#input.take();
    if (messages.length === 0) return;
    const { counts, identity, receive } = this.#options;
    const isAcceptable = (message: Message) => message.to === identity.localId && comesFromPeers(message);
    const acceptable = messages.every(isAcceptable) ? messages : messages.filter(isAcceptable);
    counts.receivedFailures += messages.length - acceptable.length;
    receive(acceptable);
  }

  #finish(finish: (error?: Error) => void): void {
    finish(this.#status === 200 ? undefined : this.#refused());
  }

  #refused(): Error {
    const { identity, peerId } = this.#options;
    const answer = { status: this.#status, clusterId: this.#clusterId, body: this.#refusal };
    if (streamSaysRemoved(answer, identity.clusterId)) return new RemovedError();
    if (this.#status === 404) {
      return new Error(`peer ${formatId(peerId)} failed to find local node ${formatId(identity.localId)}`);
    }
    if (this.#status === 412) return new Error(this.#refusal.trim());
    return new Error(`unhandled http status ${this.#status}`);
  }
}

/**
 * Whether a message may come on a stream or by a post: not what members tell only themselves, and no snapshot, which
 * is nothing without its database.
 */
export function comesFromPeers(message: Message): boolean {
  const { type } = message;
  return !isLocalMessage(type) && type !== MessageType.MsgSnap && type !== MessageType.MsgForgetLeader;
}
