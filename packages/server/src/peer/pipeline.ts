import http from "node:http";
import { type Message, MessageType, type NodeId } from "@quorate/raft";
import type { Clock } from "@quorate/storage/seams/clock";
import { encodeMessage } from "@quorate/wire/hot";
import { LONGEST_WAIT_MS } from "./backoff.ts";
import type { DialSchedule } from "./dial-schedule.ts";
import { type PeerAgent, peerRequestOptions } from "./dialer.ts";
import { headerText, identityHeaders, type PeerIdentity } from "./identity.ts";
import type { PeerCounts } from "./metrics.ts";
import type { PeerAddress } from "./peer-address.ts";
import type { PeerStatus } from "./peer-status.ts";
import { MAX_REMOVAL_BYTES, postSaysRemoved, RemovedError } from "./removal.ts";
import type { UrlPicker } from "./url-picker.ts";

const MAX_QUEUED = 64;
const MAX_CONCURRENT = 4;
/** A member without a leader may hold back its answer for long; raft sends again what it still wants sent. */
const POST_TIMEOUT_MS = 10_000;

/** So long the body of an answer may take that has begun. */
const ANSWER_TIMEOUT_MS = 5_000;

export interface PipelineOptions {
  readonly peerId: NodeId;
  readonly identity: PeerIdentity;
  readonly agent: PeerAgent;
  readonly picker: UrlPicker;
  readonly schedule: DialSchedule;
  readonly status: PeerStatus;
  readonly counts: PeerCounts;
  readonly clock: Clock;
  /** A message was not delivered. */
  readonly onLost: () => void;
  readonly onRemoved: () => void;
}

/**
 * Single messages by POST: what is left when no stream is there, and all there is for a remote. While the peer does not
 * answer most of them are lost without a dial.
 */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #queue: Message[] = [];
  readonly #posts = new Set<http.ClientRequest>();
  #lastPostMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  /** False when the message is dropped: the queue is full, or it is in vain to dial now. */
  send(message: Message): boolean {
    if (this.#closed || this.#queue.length >= MAX_QUEUED) return false;
    if (!this.#options.schedule.isFree && !this.#cannotWait(message)) return false;
    this.#queue.push(message);
    this.#work();
    return true;
  }

  /** The peer has reached this member. */
  heard(): void {
    this.#options.schedule.heard();
  }

  close(): void {
    this.#closed = true;
    this.#queue.length = 0;
    for (const post of this.#posts) post.destroy();
  }

  #work(): void {
    while (this.#posts.size < MAX_CONCURRENT && this.#queue.length > 0) {
      const message = this.#queue.shift()!;
      if (this.#options.schedule.take() || this.#cannotWait(message)) this.#post(message);
      else this.#failed(undefined, new Error("the peer does not answer"));
    }
  }

  /** An election must not wait for somebody else's dial: not an answer, and not a question after a silence. */
  #cannotWait({ type }: Message): boolean {
    if (type === MessageType.MsgVoteResp || type === MessageType.MsgPreVoteResp) return true;
    if (type !== MessageType.MsgVote && type !== MessageType.MsgPreVote) return false;
    return this.#options.clock.nowMs() >= this.#lastPostMs + LONGEST_WAIT_MS;
  }

  #post(message: Message): void {
    const { agent, clock, identity, picker, schedule } = this.#options;
    const startedMs = clock.nowMs();
    this.#lastPostMs = startedMs;
    const address = picker.current;
    if (address === undefined) {
      this.#failed(undefined, new Error("no address is known"));
      return;
    }
    const body = encodeMessage(message);
    const post = startPost(address, "/raft", agent, {
      ...identityHeaders(identity),
      "Content-Type": "application/protobuf",
      "Content-Length": String(body.length),
    });
    this.#posts.add(post);
    // One that is slow to answer is there all the same.
    let isThere = false;
    const timer = clock.setTimer(POST_TIMEOUT_MS, () => {
      isThere = true;
      post.destroy(new Error("no answer in time"));
    });
    const done = (error?: Error) => {
      if (!this.#posts.delete(post)) return;
      timer.cancel();
      if (this.#closed) return;
      if (error !== undefined && !isThere) schedule.failed(startedMs);
      if (error === undefined) this.#succeeded(body.length);
      else this.#failed(address, error);
      this.#work();
    };
    post.on("response", (response) => {
      isThere = true;
      schedule.answered();
      readAnswer(response, address, identity.clusterId, done);
    });
    post.on("error", done);
    post.on("close", () => done(new Error("connection closed")));
    post.end(body);
  }

  #succeeded(bytes: number): void {
    this.#options.status.activate();
    this.#options.counts.sentBytes += bytes;
  }

  #failed(address: PeerAddress | undefined, error: Error): void {
    const { counts, onLost, onRemoved, picker, status } = this.#options;
    if (address !== undefined) picker.failed(address);
    status.deactivate(error.message);
    counts.sentFailures++;
    onLost();
    if (error instanceof RemovedError) onRemoved();
  }
}

/** A POST to another member, not yet sent. */
export function startPost(
  address: PeerAddress,
  path: string,
  agent: PeerAgent,
  headers: Readonly<Record<string, string>>,
): http.ClientRequest {
  const options = peerRequestOptions(address.url, agent);
  return http.request({
    ...options,
    method: "POST",
    path,
    headers: { ...(options.headers as Record<string, string>), ...headers },
  });
}

/** Tells once what an answer to a post means: undefined is success. */
export function readAnswer(
  response: http.IncomingMessage,
  address: PeerAddress,
  localClusterId: bigint,
  tell: (failure: Error | undefined) => void,
): void {
  const { statusCode: status = 0, statusMessage } = response;
  response.on("error", () => {});
  if (status !== 403) {
    response.resume();
    const text = `unexpected http status ${statusMessage || status} while posting to "${address.url}"`;
    tell(status === 204 ? undefined : new Error(text));
    return;
  }
  let body = "";
  const timer = setTimeout(() => response.destroy(), ANSWER_TIMEOUT_MS);
  timer.unref();
  response.setEncoding("utf8");
  response.on("data", (text: string) => {
    body += text;
    if (body.length > MAX_REMOVAL_BYTES) response.destroy();
  });
  response.on("close", () => clearTimeout(timer));
  response.once("end", () => {
    const clusterId = headerText(response.headers["x-etcd-cluster-id"]);
    const isShort = body.length <= MAX_REMOVAL_BYTES;
    const isRemoved = isShort && postSaysRemoved({ status, clusterId, body }, localClusterId);
    tell(
      isRemoved
        ? new RemovedError()
        : new Error(`"${address.url}" refused a message: ${body.trim().slice(0, 200)}`),
    );
  });
}
