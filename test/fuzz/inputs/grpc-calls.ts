/** gRPC calls: a header block, and what comes on the stream behind it. */
import { gzipSync } from "node:zlib";
import { rawFrames as raw } from "@quorate/rpc/testing";
import type { SeededRandom } from "@quorate/testkit/random";
import type { Method } from "@quorate/wire";
import { MessageBytes } from "./message-bytes.ts";
import { anyMethod } from "./methods.ts";
import { mutated } from "./mutations.ts";

export interface GrpcCall {
  readonly method: Method;
  readonly fields: readonly (readonly [string, string])[];
  /** The octets of the stream's DATA frames. */
  readonly body: Buffer;
  /** The client says that nothing more comes. */
  readonly halfCloses: boolean;
}

const TIMEOUTS = [
  "1S",
  "0n",
  "1n",
  "99999999H",
  "100000000S",
  "-1S",
  "1",
  "S",
  "",
  "1s",
  "5m",
  "1.5S",
  "20000u",
  " 1S",
];
const HEADERS: readonly (readonly [string, string])[] = [
  ["grpc-encoding", "gzip"],
  ["grpc-encoding", "identity"],
  ["grpc-encoding", "snappy"],
  ["grpc-encoding", ""],
  ["grpc-accept-encoding", "gzip, deflate, x"],
  ["content-type", "application/grpc+proto"],
  ["x-bin", "Zm9v"],
  ["x-bin", "Zm9vYg=="],
  ["x-bin", "!!!"],
  ["x-bin", "Zg,Zg"],
  ["hasleader", "true"],
  ["client-api-version", "3.7"],
  ["client-api-version", "\xff\xfe"],
  ["token", "x"],
  ["authorization", "Bearer x"],
  ["user-agent", "u".repeat(300)],
  ["grpc-status", "0"],
  ["grpc-message", "%zz"],
  ["grpc-previous-rpc-attempts", "1"],
  ["content-length", "5"],
  ["x", ""],
  ["x", "\x00"],
];

export class GrpcCalls {
  readonly #random: SeededRandom;
  readonly #messages: MessageBytes;
  readonly #recent: Buffer[] = [];

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#messages = new MessageBytes(random);
  }

  next(): GrpcCall {
    const random = this.#random;
    const method = anyMethod(random);
    const fields = raw.grpcRequest(method.path);
    if (random.chance(0.08)) this.#oddHeaders(fields);
    const messages = random.weighted(method.clientStreaming ? STREAM_LENGTHS : UNARY_LENGTHS);
    const parts: Buffer[] = [];
    for (let n = 0; n < messages; n++) parts.push(this.#framed(this.message(method)));
    let body = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    if (random.chance(0.01)) body = body.subarray(0, random.below(body.length + 1));
    return { method, fields, body, halfCloses: random.chance(0.97) };
  }

  /** Octets of a request of this method, more or less. */
  message(method: Method): Buffer {
    const random = this.#random;
    const depth = random.below(6);
    let bytes = this.#messages.next(method.request, { depth, wellFormed: random.chance(0.4) });
    if (random.chance(0.25)) bytes = mutated(random, bytes, this.#recent);
    this.#recent[random.below(Math.min(64, this.#recent.length + 1))] = bytes;
    return bytes;
  }

  #framed(message: Buffer): Buffer {
    const random = this.#random;
    const isRight = random.chance(0.97);
    if (isRight) return Buffer.from(raw.grpcMessage(message));
    return random.weighted<() => Buffer>([
      [2, () => Buffer.from(raw.grpcMessage(message, 1))],
      [2, () => Buffer.from(raw.grpcMessage(gzipSync(message), 1))],
      [1, () => Buffer.from(raw.grpcMessage(gzipSync(message).subarray(3), 1))],
      [1, () => Buffer.from(raw.grpcMessage(message, random.below(256)))],
      [
        2,
        () =>
          this.#withLength(
            message,
            random.pick([
              message.length + 1,
              Math.max(0, message.length - 1),
              0,
              2 ** 32 - 1,
              2 ** 31,
              2_097_153,
            ]),
          ),
      ],
    ])();
  }

  #withLength(message: Buffer, length: number): Buffer {
    const bytes = Buffer.from(raw.grpcMessage(message));
    bytes.writeUInt32BE(length, 1);
    return bytes;
  }

  #oddHeaders(fields: [string, string][]): void {
    const random = this.#random;
    random.weighted<() => void>([
      [4, () => fields.push(["grpc-timeout", random.pick(TIMEOUTS)])],
      [6, () => fields.push([...random.pick(HEADERS)])],
      [1, () => remove(fields, "te")],
      [1, () => remove(fields, "content-type")],
      [0.5, () => remove(fields, ":authority")],
      [
        1,
        () =>
          replace(
            fields,
            "content-type",
            random.pick(["application/grpcx", "text/plain", "", "application/GRPC", "application/grpc;x"]),
          ),
      ],
      [1, () => replace(fields, ":method", random.pick(["GET", "PUT", "", "post"]))],
      [
        1,
        () =>
          replace(
            fields,
            ":path",
            random.pick([
              "",
              "/",
              "/a",
              "a/b",
              "//",
              "/etcdserverpb.KV/",
              "/etcdserverpb.KV/None",
              "/x/\xff",
            ]),
          ),
      ],
      [0.5, () => replace(fields, ":scheme", random.pick(["", "x", "https"]))],
      [0.2, () => fields.push(["x-large", "v".repeat(random.pick([1_000, 7_000]))])],
    ])();
  }
}

const UNARY_LENGTHS = [
  [60, 1],
  [1, 0],
  [1, 2],
  [0.3, 20],
] as const;
const STREAM_LENGTHS = [
  [4, 1],
  [3, 3],
  [1, 0],
  [1, 12],
] as const;

function remove(fields: [string, string][], name: string): void {
  const at = fields.findIndex((field) => field[0] === name);
  if (at >= 0) fields.splice(at, 1);
}

function replace(fields: [string, string][], name: string, value: string): void {
  const at = fields.findIndex((field) => field[0] === name);
  if (at >= 0) fields[at] = [name, value];
}
