/** HTTP/1.1 requests, right and wrong, as octets. */

import type { SeededRandom } from "@quorate/testkit/random";
import type { Method } from "@quorate/wire";
import { jsonText } from "./json-text.ts";
import { anyRoutedMethod } from "./methods.ts";
import { mutated } from "./mutations.ts";

const METHODS_OF_HTTP = [
  "GET",
  "HEAD",
  "PUT",
  "OPTIONS",
  "DELETE",
  "PATCH",
  "TRACE",
  "CONNECT",
  "PRI",
  "post",
  "QUERY",
  "",
  "A B",
  "G\0T",
];
const TARGETS = [
  "/",
  "*",
  "",
  "/health",
  "/health?serializable=true",
  "/health?exclude=NOSPACE&exclude=%zz",
  "/metrics",
  "/version",
  "/livez?verbose",
  "/readyz",
  "/livez/serializable_read",
  "/v3",
  "/v3/",
  "/v3//kv/range",
  "/v3/./kv/range",
  "/v3/../v3/kv/put",
  "/v3/kv/range/",
  "/v3/kv/%72ange",
  "/v3/kv%2frange",
  "/v3/%zz",
  "/v3/%",
  "/v3beta/kv/range",
  "/v3alpha/kv/range",
  "http://127.0.0.1/v3/kv/range",
  "http://",
  "https://x/health",
  "ftp://x/health",
  "//health",
  "/\u00e9",
  "/v3/kv/range?a=b#c",
  "/v3/kv/range;x=y",
  "/%00",
  "/..%2f..",
  `/${"a/".repeat(300)}`,
  "/v3/watch?method=GET",
  "127.0.0.1:1",
  "/debug/vars",
  "/v2/keys",
];
const HEADERS: readonly (readonly [string, string])[] = [
  ["Content-Type", "application/x-www-form-urlencoded"],
  ["X-HTTP-Method-Override", "GET"],
  ["Grpc-Timeout", "1S"],
  ["Grpc-Timeout", "zz"],
  ["Grpc-Metadata-X-Bin", "!!"],
  ["Grpc-Metadata-X-Bin", "Zm9v"],
  ["Grpc-Metadata-:path", "/"],
  ["Grpc-Metadata-Te", "x"],
  ["Authorization", "Bearer x"],
  ["TE", "trailers"],
  ["Expect", "100-continue"],
  ["Expect", "200-ok"],
  ["Connection", "close"],
  ["Connection", "keep-alive, upgrade"],
  ["Upgrade", "h2c"],
  ["Upgrade", "websocket"],
  ["HTTP2-Settings", "AAMAAABkAAQAAP__"],
  ["Transfer-Encoding", "chunked"],
  ["Transfer-Encoding", "gzip, chunked"],
  ["Transfer-Encoding", "identity"],
  ["Transfer-Encoding", "chunked, chunked"],
  ["Content-Length", "5"],
  ["Content-Length", "-1"],
  ["Content-Length", "0x5"],
  ["Content-Length", "18446744073709551616"],
  ["Content-Length", "5, 5"],
  ["Content-Length", "+5"],
  ["Host", "a"],
  ["Host", "a b"],
  ["Host", ""],
  ["Origin", "http://x"],
  ["Access-Control-Request-Method", "POST"],
  ["X Y", "1"],
  ["X\0", "1"],
  ["X", "a\0b"],
  ["X", "\u00e9\u00ff"],
  ["", "x"],
  ["Cookie", "token=x"],
  ["Content-Encoding", "gzip"],
  ["Trailer", "Content-Length"],
  ["Range", "bytes=0-0"],
  ["If-Match", "*"],
  ["X-Forwarded-For", ", ,"],
  ["__proto__", "x"],
];

/** One request, whole or not, of a method that `choose` chooses. */
export function anyHttp1Request(
  random: SeededRandom,
  others: readonly Buffer[],
  choose: (random: SeededRandom) => Method = anyRoutedMethod,
): Buffer {
  const method = choose(random);
  const path = random.pick(method.httpPaths);
  const verb = random.chance(0.75) ? "POST" : random.pick(METHODS_OF_HTTP);
  const target = random.chance(0.7) ? path : random.pick(TARGETS);
  const version = random.chance(0.97)
    ? "HTTP/1.1"
    : random.pick(["HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.10", "http/1.1", ""]);
  const body = Buffer.from(random.chance(0.9) ? jsonText(random, method.request, 3) : "");
  const isChunked = random.chance(0.3);
  const lines = [`${verb} ${target}${version === "" ? "" : ` ${version}`}`];
  if (random.chance(0.98)) lines.push("Host: 127.0.0.1");
  for (let n = random.weighted(HEADER_COUNTS); n > 0; n--) lines.push(anyHeader(random));
  if (isChunked) lines.push("Transfer-Encoding: chunked");
  else if (random.chance(0.97))
    lines.push(`Content-Length: ${random.chance(0.97) ? body.length : random.below(300)}`);
  const end = random.chance(0.98) ? "\r\n" : random.pick(["\n", "\r", "\n\r", "\r\r\n"]);
  const head = Buffer.from(`${lines.join(end)}${end}${end}`, "latin1");
  const whole = Buffer.concat([head, isChunked ? chunked(random, body) : body]);
  return random.chance(0.08) ? mutated(random, whole, others) : whole;
}

const HEADER_COUNTS = [
  [6, 0],
  [3, 1],
  [1, 3],
  [0.02, 150],
  [0.01, 3000],
] as const;

function anyHeader(random: SeededRandom): string {
  const [name, value] = random.pick(HEADERS);
  if (random.chance(0.004)) return `X-Long: ${"v".repeat(random.pick([9_000, 70_000, 1_100_000]))}`;
  return random.weighted<() => string>([
    [20, () => `${name}: ${value}`],
    [1, () => `${name.toLowerCase()}:${value}  `],
    [0.4, () => `${name} : ${value}`],
    [0.4, () => `${name}: a\r\n ${value}`],
    [0.3, () => `${name}`],
    [0.3, () => ` ${name}: ${value}`],
    [0.3, () => `${name}: ${value}\r\n${name}: other`],
  ])();
}

function chunked(random: SeededRandom, body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = random.between(1, Math.max(1, body.length - at));
    const head = random.weighted<() => string>([
      [30, () => size.toString(16)],
      [1, () => `${size.toString(16).toUpperCase()};ext=1;x="y"`],
      [0.5, () => `0000000000000${size.toString(16)}`],
      [0.3, () => random.pick(["-1", "x", "", "ffffffffffffffff", "10000000000000000", "0x5", "5 ", "+5"])],
    ])();
    const end = random.chance(0.99) ? "\r\n" : random.pick(["\n", "", "\r", "xx"]);
    parts.push(Buffer.from(`${head}\r\n`), body.subarray(at, at + size), Buffer.from(end));
    at += size;
  }
  if (random.chance(0.97)) parts.push(Buffer.from("0\r\n"));
  if (random.chance(0.05))
    parts.push(Buffer.from(random.pick(["Trailer: x\r\n", "Content-Length: 5\r\n", "bad trailer\r\n"])));
  parts.push(Buffer.from("\r\n"));
  return Buffer.concat(parts);
}
