/** One input asked of one server, over gRPC or as JSON, and how it was answered. */
import http from "node:http";
import http2 from "node:http2";
import { decode } from "@quorate/wire";
import { LeaseGrantResponseSchema } from "@quorate/wire/etcdserverpb";

/** An input as far as a reader needs it, and whoever decides whether a difference is known. */
export interface Compared {
  readonly transport: "grpc" | "json";
  readonly path: string;
  /** Of gRPC: the whole body, framed. */
  readonly body: Buffer;
  readonly headers: readonly (readonly [string, string])[];
}

/** How it was answered. `isOpen`: not at all, as by a stream that waits for more. */
export interface Answer {
  readonly httpStatus: number;
  /** gRPC's; below 0: HTTP/2's code of a stream that was reset, or `LOST`. */
  readonly code: number;
  readonly message: string;
  readonly isOpen: boolean;
  readonly granted?: Granted | undefined;
}

/** The lease that was granted. */
export interface Granted {
  readonly id: bigint;
  readonly ttlSeconds: bigint;
}

/** One call to one server. */
export interface Asked {
  readonly ended: Promise<void>;
  answer(): Answer;
  cancel(): void;
}

export type Ask = (input: Compared) => Asked;

/** The code of a call whose connection was lost before it was answered. */
export const LOST = -1000;

const OPEN: Answer = { httpStatus: 0, code: 0, message: "", isOpen: true };
const KEPT_CHARACTERS = 4096;

export function askGrpc(session: http2.ClientHttp2Session, { body, headers, path }: Compared): Asked {
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of headers) fields[name] = value;
  const stream = session.request(fields);
  let status: http2.IncomingHttpHeaders | undefined;
  let trailers: http2.IncomingHttpHeaders | undefined;
  const received: Buffer[] = [];
  stream.on("response", (block) => {
    status = block;
  });
  stream.on("trailers", (block) => {
    trailers = block;
  });
  stream.on("data", (chunk: Buffer) => {
    if (path.endsWith("/LeaseGrant")) received.push(chunk);
  });
  stream.on("error", () => {});
  const ended = new Promise<void>((resolve) => stream.on("close", resolve));
  stream.end(body);
  return {
    ended,
    answer: () => {
      const end = trailers ?? status;
      const code = end?.["grpc-status"];
      if (code === undefined && !stream.closed) return OPEN;
      return {
        httpStatus: Number(status?.[":status"] ?? 0),
        code: code === undefined ? -stream.rstCode! : Number(code),
        message: plain(decodeURIComponentOrNot(String(end?.["grpc-message"] ?? ""))),
        isOpen: false,
        granted: code === "0" && received.length > 0 ? grantedIn(Buffer.concat(received)) : undefined,
      };
    },
    cancel: () => stream.close(http2.constants.NGHTTP2_CANCEL),
  };
}

const PREFIX_BYTES = 5;

function grantedIn(framed: Buffer): Granted {
  const { ID, TTL } = decode(LeaseGrantResponseSchema, framed.subarray(PREFIX_BYTES));
  return { id: ID, ttlSeconds: TTL };
}

function decodeURIComponentOrNot(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function askJson(agent: http.Agent, port: number, { path, body }: Compared): Asked {
  const request = http.request({ agent, port, host: "127.0.0.1", method: "POST", path });
  const done = Promise.withResolvers<void>();
  let httpStatus = 0;
  let isLost = false;
  let text = "";
  request.on("error", () => {
    isLost = true;
    done.resolve();
  });
  request.on("response", (response) => {
    httpStatus = response.statusCode ?? 0;
    response.on("error", () => done.resolve());
    response.on("data", (chunk: Buffer) => {
      if (text.length < KEPT_CHARACTERS) text += chunk.toString();
      // The first line of a stream is its answer.
      if (/\/(watch|keepalive|snapshot)$/.test(path)) done.resolve();
    });
    response.on("end", () => done.resolve());
  });
  request.end(body);
  return {
    ended: done.promise,
    answer: () => {
      if (httpStatus === 0) return isLost ? { ...OPEN, isOpen: false, code: LOST } : OPEN;
      const { code, message } = statusIn(text);
      const granted = path.endsWith("/lease/grant") && code === 0 ? grantedInJson(text) : undefined;
      return { httpStatus, code, message: plain(message), isOpen: false, granted };
    },
    cancel: () => request.destroy(),
  };
}

function statusIn(text: string): { code: number; message: string } {
  const found = /"code":\s*(\d+),\s*"message":\s*("(?:[^"\\]|\\.)*")/.exec(text);
  if (found === null || text.startsWith('{"header"')) return { code: 0, message: "" };
  return { code: Number(found[1]), message: JSON.parse(found[2]!) as string };
}

function grantedInJson(text: string): Granted | undefined {
  const id = /"ID":\s*"(-?\d+)"/.exec(text);
  const ttl = /"TTL":\s*"(\d+)"/.exec(text);
  return id === null || ttl === null ? undefined : { id: BigInt(id[1]!), ttlSeconds: BigInt(ttl[1]!) };
}

/** Go's protobuf puts one of two kinds of blanks into its texts, by the build. */
function plain(message: string): string {
  return message.replaceAll("\u00a0", " ");
}
