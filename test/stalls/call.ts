/** Calls whose answers are counted and dropped, read as fast as they come, slowly, or not at all. */
import http from "node:http";
import http2 from "node:http2";
import type { Readable } from "node:stream";
import { binaryOf, type Fields, jsonOf, methodOf } from "./requests.ts";

export type Protocol = "gRPC" | "JSON";
export type Pace = "fast" | "slow" | "none";

export interface Call {
  /** Service and method: `KV/Range`. */
  readonly method: string;
  /** One, or for a stream all that are sent, at once. */
  readonly requests: readonly Fields[];
  readonly protocol: Protocol;
  readonly pace: Pace;
  /** The client goes away after so long. */
  readonly patienceMs: number;
  /** The answer has so many bytes at least. */
  readonly leastBytes: number;
  /** The call is over when so much has come and then nothing for so long; without it, when the server ends it. */
  readonly quietMs: number | undefined;
}

export interface Answer {
  readonly bytes: number;
  /** The server ended the call; else the client went away. */
  readonly ended: boolean;
}

const SLOW_BYTES_PER_MS = 1_000;

/** Over a connection of its own. Rejects when the answer is an error or does not come. */
export function answerOf(address: string, call: Call): Promise<Answer> {
  return call.protocol === "gRPC" ? overGrpc(address, call) : overJson(address, call);
}

function overGrpc(address: string, call: Call): Promise<Answer> {
  const method = methodOf(call.method);
  const windowBytes = call.pace === "fast" ? 4 * 2 ** 20 : 65_535;
  const session = http2.connect(`http://${address}`, {
    settings: { enablePush: false, initialWindowSize: windowBytes },
    maxSessionMemory: 1_000,
  });
  session.on("connect", () => {
    if (call.pace === "fast" && !session.destroyed) session.setLocalWindowSize(4 * windowBytes);
  });
  const stream = session.request({
    ":method": "POST",
    ":path": method.path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  let status: unknown;
  const note = (headers: http2.IncomingHttpHeaders): void => {
    const text = headers["grpc-status"];
    if (text !== undefined) status = text === "0" ? "OK" : `${text} ${headers["grpc-message"]}`;
  };
  stream.on("response", note);
  stream.on("trailers", note);
  for (const fields of call.requests) stream.write(framed(binaryOf(method, fields)));
  if (!method.clientStreaming) stream.end();
  return read(call, stream, [session, stream], () => status).finally(() => session.destroy());
}

function overJson(address: string, call: Call): Promise<Answer> {
  const method = methodOf(call.method);
  const httpPath = method.httpPaths[0];
  if (httpPath === undefined) throw new Error(`${call.method} is not offered in JSON`);
  const request = http.request(`http://${address}${httpPath}`, { method: "POST", agent: false });
  const text = call.requests.map(jsonOf).join("\n");
  if (method.clientStreaming) request.write(text);
  else request.end(text);
  const answered = new Promise<Answer>((resolve, reject) => {
    // The head of an answer comes when all of the answer is known.
    const timer = setTimeout(() => resolve({ bytes: 0, ended: false }), call.patienceMs);
    request.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    request.on("response", (response) => {
      clearTimeout(timer);
      const isError = response.statusCode !== 200;
      let text = "";
      const status = (): string => (isError ? `HTTP ${response.statusCode} ${text}` : "OK");
      if (isError) response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      read(call, response, [response], status).then(resolve, reject);
    });
  });
  return answered.finally(() => request.destroy());
}

/** `failing`: what tells of errors. `status`: once the answer has ended. */
function read(
  call: Call,
  answer: Readable,
  failing: readonly NodeJS.EventEmitter[],
  status: () => unknown,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    const timers = new Set<NodeJS.Timeout>();
    const after = (ms: number, run: () => void): NodeJS.Timeout => {
      const timer = setTimeout(run, ms);
      timers.add(timer);
      return timer;
    };
    const over = (ended: boolean): void => {
      for (const timer of timers) clearTimeout(timer);
      if (ended && status() !== "OK") reject(new Error(`${call.method}: ${status()}`));
      else resolve({ bytes, ended });
    };
    const fail = (error: Error): void => {
      for (const timer of timers) clearTimeout(timer);
      reject(error);
    };
    for (const each of failing) each.on("error", fail);
    after(call.patienceMs, () => over(false));
    if (call.pace === "none") {
      answer.pause();
      return;
    }
    let quiet: NodeJS.Timeout | undefined;
    const startedMs = performance.now();
    answer.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (call.quietMs !== undefined && bytes >= call.leastBytes) {
        quiet ??= after(call.quietMs, () => over(false));
        quiet.refresh();
      }
      if (call.pace === "fast") return;
      const aheadMs = bytes / SLOW_BYTES_PER_MS - (performance.now() - startedMs);
      if (aheadMs <= 0) return;
      answer.pause();
      after(aheadMs, () => answer.resume());
    });
    answer.on("end", () => over(true));
  });
}

/** A gRPC message with its prefix. */
function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}
