import http from "node:http";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Random } from "@quorate/storage/seams/random";
import { Slices } from "@quorate/storage/slices";
import { DialSchedule } from "./dial-schedule.ts";
import { PeerAgent, type PeerDialer, peerRequestOptions } from "./dialer.ts";
import { joinChunks } from "./join-chunks.ts";

export interface PeerRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** From connecting to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Larger answers are errors; 1 MiB unless given. */
  readonly maxResponseBytes?: number;
  readonly signal?: AbortSignal;
}

export interface PeerResponse {
  readonly status: number;
  /** By lower-case name; values of a header that came more than once are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Single requests to other members. */
export interface PeerRequests {
  /**
   * One HTTP/1.1 request to a peer URL (http, https with the peer TLS settings, unix, unixs). Never follows redirects.
   * A GET may have a body. Rejects when no whole answer comes; whatever its status is, an answer is an answer. Rejects
   * without a dial for up to a second after one that led nowhere.
   */
  send(baseUrl: string, request: PeerRequest): Promise<PeerResponse>;
  /** Fails what is under way and ends all connections. */
  close(): void;
}

const DEFAULT_MAX_RESPONSE_BYTES = 2 ** 20;
const MAX_RESPONSE_HEADER_BYTES = 64 * 2 ** 10;
const MAX_IDLE_CONNECTIONS = 16;
/** The request's own limit counts; this one bounds what a request that gave up leaves behind. */
const DIAL_TIMEOUT_MS = 10_000;
/** URLs are those of members. */
const MAX_FAILING_URLS = 256;

export interface PeerRequestsOptions {
  readonly dialer: PeerDialer;
  readonly clock: Clock;
  readonly random: Random;
}

export function createPeerRequests(options: PeerRequestsOptions): PeerRequests {
  return new HttpPeerRequests(options);
}

class HttpPeerRequests implements PeerRequests {
  readonly #agent: PeerAgent;
  /** How to fail each request that is under way. */
  readonly #open = new Set<(error: Error) => void>();
  /** Of the URLs at which nobody answered the last time. */
  readonly #failing = new Map<string, DialSchedule>();
  readonly #options: PeerRequestsOptions;
  readonly #joining: Slices;
  #closed = false;

  constructor(options: PeerRequestsOptions) {
    this.#options = options;
    const { dialer, clock } = options;
    this.#joining = new Slices(clock);
    this.#agent = new PeerAgent(dialer, {
      dialTimeoutMs: DIAL_TIMEOUT_MS,
      maxIdleConnections: MAX_IDLE_CONNECTIONS,
    });
  }

  async send(baseUrl: string, request: PeerRequest): Promise<PeerResponse> {
    if (this.#closed) throw new Error("peer requests are closed");
    if (request.signal?.aborted === true) throw new Error("request canceled");
    const what = `${request.method} ${baseUrl}${request.path}`;
    if (this.#failing.get(baseUrl)?.take() === false) {
      throw new Error(`${what}: not sent, as nobody answered there a moment ago`);
    }
    const startedMs = this.#options.clock.nowMs();
    return this.#answerTo(this.#start(baseUrl, request), what, request, {
      onAnswer: () => this.#failing.delete(baseUrl),
      onUnanswered: () => this.#failed(baseUrl, startedMs),
    });
  }

  close(): void {
    this.#closed = true;
    for (const fail of [...this.#open]) fail(new Error("peer requests are closed"));
    this.#agent.destroy();
  }

  #start(baseUrl: string, request: PeerRequest): http.ClientRequest {
    const options = peerRequestOptions(baseUrl, this.#agent);
    const body = typeof request.body === "string" ? Buffer.from(request.body) : request.body;
    const sent = http.request({
      ...options,
      method: request.method,
      path: request.path,
      maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
      headers: {
        ...(options.headers as Record<string, string>),
        // Without it node:http would send the body of a GET in chunks, or none at all.
        ...(body === undefined && request.method === "GET"
          ? {}
          : { "content-length": String(body?.length ?? 0) }),
        ...request.headers,
      },
    });
    sent.end(body);
    return sent;
  }

  #failed(baseUrl: string, startedMs: number): void {
    const { clock, random } = this.#options;
    let schedule = this.#failing.get(baseUrl);
    if (schedule === undefined) {
      if (this.#failing.size >= MAX_FAILING_URLS) this.#failing.clear();
      schedule = new DialSchedule(clock, random);
      this.#failing.set(baseUrl, schedule);
    }
    schedule.failed(startedMs);
  }

  #answerTo(
    sent: http.ClientRequest,
    what: string,
    request: PeerRequest,
    { onAnswer, onUnanswered }: { readonly onAnswer: () => void; readonly onUnanswered: () => void },
  ): Promise<PeerResponse> {
    const maxBytes = request.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES;
    return new Promise((resolve, reject) => {
      // A request that still waits for its connection tells nobody of its end before that is there.
      const fail = (error: Error) => {
        finish();
        sent.destroy(error);
        reject(error);
      };
      const onAbort = () => fail(new Error("request canceled"));
      const timer = setTimeout(() => fail(new Error(`${what}: no answer in time`)), request.timeoutMs);
      const finish = () => {
        clearTimeout(timer);
        request.signal?.removeEventListener("abort", onAbort);
        this.#open.delete(fail);
      };
      this.#open.add(fail);
      request.signal?.addEventListener("abort", onAbort);
      let isAnswered = false;
      sent.on("error", (error) => {
        // Who gave up before an answer came knows nothing.
        if (this.#open.has(fail) && !isAnswered) onUnanswered();
        fail(error);
      });
      sent.on("response", (response) => {
        isAnswered = true;
        onAnswer();
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("error", fail);
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > maxBytes) fail(new Error(`${what}: the answer has more than ${maxBytes} bytes`));
          else chunks.push(chunk);
        });
        response.on("end", () => {
          finish();
          const { statusCode: status = 0 } = response;
          const headers = joinHeaders(response);
          joinChunks(chunks, bytes, this.#joining).then((body) => resolve({ status, headers, body }), reject);
        });
      });
    });
  }
}

function joinHeaders(response: http.IncomingMessage): Record<string, string> {
  const joined: Record<string, string> = {};
  for (const [name, values] of Object.entries(response.headersDistinct)) {
    joined[name] = values!.join(", ");
  }
  return joined;
}
