/** The same inputs for a member of ours and a real etcd, one after another, and where their answers part. */
import http from "node:http";
import http2 from "node:http2";
import { decode } from "@quorate/wire";
import { AlarmRequestSchema, MemberAddRequestSchema } from "@quorate/wire/etcdserverpb";
import type { Random } from "../support/random.ts";
import { type GrpcCall, GrpcCalls } from "./inputs/grpc-calls.ts";
import { anyBody } from "./inputs/json-text.ts";
import { anyRoutedMethod, isServed } from "./inputs/methods.ts";
import { knownDifference } from "./known-differences.ts";

/** An input as far as a reader needs it, and whoever decides whether a difference is known. */
export interface Compared {
  readonly transport: "grpc" | "json";
  readonly path: string;
  /** Of gRPC: the whole body, framed. */
  readonly body: Buffer;
  readonly headers: readonly (readonly [string, string])[];
}

/** How it was answered. `open`: not at all, as by a stream that waits for more. */
export interface Answer {
  readonly httpStatus: number;
  readonly code: number;
  readonly message: string;
  readonly isOpen: boolean;
}

export interface Comparison {
  readonly inputs: number;
  /** By the name of the known difference. */
  readonly known: ReadonlyMap<string, number>;
  readonly differences: readonly string[];
  /** Inputs that both answered with OK. */
  readonly succeeded: number;
}

/** One call to one server. */
interface Asked {
  readonly ended: Promise<void>;
  answer(): Answer;
  cancel(): void;
}

type Ask = (input: Compared) => Asked;

const OPEN: Answer = { httpStatus: 0, code: 0, message: "", isOpen: true };
/** When nobody has ended a call by then, both wait. */
const BOTH_WAIT_MS = 20;
/** When one has ended it the other will, if it ever does. */
const OTHER_WAITS_MS = 5_000;

export async function compareGrpc(
  random: Random,
  inputs: number,
  [ours, theirs]: readonly [number, number],
): Promise<Comparison> {
  const sessions = [ours, theirs].map((port) => http2.connect(`http://127.0.0.1:${port}`));
  for (const session of sessions) session.on("error", () => {});
  const calls = new GrpcCalls(random);
  const next = (): Compared => {
    for (;;) {
      const call = calls.next();
      if (isComparable(call)) {
        return { transport: "grpc", path: call.method.path, body: call.body, headers: call.fields };
      }
    }
  };
  const [askOurs, askTheirs] = sessions.map((session) => (input: Compared) => askGrpc(session, input));
  const result = await compareAll(next, inputs, askOurs!, askTheirs!);
  for (const session of sessions) session.destroy();
  return result;
}

export async function compareJson(
  random: Random,
  inputs: number,
  [ours, theirs]: readonly [number, number],
): Promise<Comparison> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const next = (): Compared => {
    for (;;) {
      const method = anyRoutedMethod(random);
      const body = anyBody(random, method.request);
      if (!isServed(method) || changesEverything(method.name, body.toString())) continue;
      return { transport: "json", path: random.pick(method.httpPaths), body, headers: [] };
    }
  };
  const ask = (port: number) => (input: Compared) => askJson(agent, port, input);
  const result = await compareAll(next, inputs, ask(ours), ask(theirs));
  agent.destroy();
  return result;
}

async function compareAll(
  next: () => Compared,
  inputs: number,
  askOurs: Ask,
  askTheirs: Ask,
): Promise<Comparison> {
  const known = new Map<string, number>();
  const differences: string[] = [];
  let succeeded = 0;
  for (let i = 0; i < inputs; i++) {
    const input = next();
    const [ours, theirs] = await askBoth(input, askOurs, askTheirs);
    if (theirs.code === 0 && ours.code === 0) succeeded++;
    if (isSame(ours, theirs)) continue;
    const name = knownDifference(input, ours, theirs);
    if (name !== undefined) known.set(name, (known.get(name) ?? 0) + 1);
    else differences.push(describe(input, ours, theirs));
  }
  return { inputs, known, differences, succeeded };
}

async function askBoth(input: Compared, askOurs: Ask, askTheirs: Ask): Promise<readonly [Answer, Answer]> {
  const asked = [askOurs(input), askTheirs(input)];
  const first = Promise.race(asked.map(({ ended }) => ended));
  const both = Promise.all(asked.map(({ ended }) => ended));
  if (mayWait(input)) {
    const someEnded = await within(first, BOTH_WAIT_MS);
    if (someEnded) await within(both, OTHER_WAITS_MS);
  } else {
    await within(both, OTHER_WAITS_MS);
  }
  const answers = asked.map((each) => each.answer());
  for (const each of asked) each.cancel();
  return [answers[0]!, answers[1]!];
}

/** Streams that the client ends, and changes of the members that met another one. */
function mayWait({ path }: Compared): boolean {
  return /Watch|watch|KeepAlive|keepalive/.test(path);
}

async function within(promise: Promise<unknown>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, limitMs, false);
  });
  const result = await Promise.race([promise.then(() => true), timeout]);
  clearTimeout(timer);
  return result;
}

/** Without what makes of one member two, ends it, or hides what others ask for behind an alarm. */
function isComparable({ method, body, fields, halfCloses }: GrpcCall): boolean {
  if (!isServed(method) || !halfCloses) return false;
  // What one of the two refuses for its form alone must not change the other.
  const isPlain =
    fields.length === PLAIN_FIELDS && fields.every(([name, value]) => isPlainField(name, value));
  const isWhole = body.length >= 5 && body.length === 5 + body.readUInt32BE(1);
  if (!(isPlain && isWhole) && !ONLY_READS.has(method.name)) return false;
  const message = body.subarray(5);
  try {
    if (method.name === "MemberAdd") return decode(MemberAddRequestSchema, message).peerURLs.length === 0;
    if (method.name === "Alarm") return decode(AlarmRequestSchema, message).action !== ACTIVATE;
  } catch {
    return true;
  }
  return true;
}

const ACTIVATE = 1;
const PLAIN_FIELDS = 6;
const ONLY_READS = new Set(
  (
    "Range RangeStream Status Hash HashKV LeaseLeases LeaseTimeToLive MemberList Authenticate AuthStatus " +
    "Check List Watch LeaseKeepAlive"
  ).split(" "),
);

function isPlainField(name: string, value: string): boolean {
  if (name === ":method") return value === "POST";
  return name !== "content-type" || value === "application/grpc";
}

function changesEverything(name: string, body: string): boolean {
  return name === "Alarm" && /ACTIVATE"|1/.test(body);
}

function isSame(a: Answer, b: Answer): boolean {
  return (
    a.httpStatus === b.httpStatus && a.code === b.code && a.message === b.message && a.isOpen === b.isOpen
  );
}

export function describe({ path, body, headers, transport }: Compared, ours: Answer, theirs: Answer): string {
  const text = transport === "json" ? body.toString() : body.toString("hex");
  const odd = headers.slice(6).map(([name, value]) => `${name}: ${value.slice(0, 60)}`);
  return `${path} {${odd.join(", ")}} ${text.slice(0, 600)}\n    ours   ${print(ours)}\n    theirs ${print(theirs)}`;
}

function print({ httpStatus, code, message, isOpen }: Answer): string {
  return isOpen ? "stays open" : `HTTP ${httpStatus}, code ${code}, ${JSON.stringify(message)}`;
}

function askGrpc(session: http2.ClientHttp2Session, { body, headers }: Compared): Asked {
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of headers) fields[name] = value;
  const stream = session.request(fields);
  let status: http2.IncomingHttpHeaders | undefined;
  let trailers: http2.IncomingHttpHeaders | undefined;
  stream.on("response", (received) => {
    status = received;
  });
  stream.on("trailers", (received) => {
    trailers = received;
  });
  stream.on("data", () => {});
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
      };
    },
    cancel: () => stream.close(http2.constants.NGHTTP2_CANCEL),
  };
}

function decodeURIComponentOrNot(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function askJson(agent: http.Agent, port: number, { path, body }: Compared): Asked {
  const request = http.request({ agent, port, host: "127.0.0.1", method: "POST", path });
  const done = Promise.withResolvers<void>();
  let httpStatus = 0;
  let text = "";
  request.on("error", () => done.resolve());
  request.on("response", (response) => {
    httpStatus = response.statusCode ?? 0;
    response.on("error", () => done.resolve());
    response.on("data", (chunk: Buffer) => {
      if (text.length < 4096) text += chunk.toString();
      // The first line of a stream is its answer.
      if (/\/(watch|keepalive|snapshot)$/.test(path)) done.resolve();
    });
    response.on("end", () => done.resolve());
  });
  request.end(body);
  return {
    ended: done.promise,
    answer: () => {
      if (httpStatus === 0) return OPEN;
      const { code, message } = statusIn(text);
      return { httpStatus, code, message: plain(message), isOpen: false };
    },
    cancel: () => request.destroy(),
  };
}

function statusIn(text: string): { code: number; message: string } {
  const found = /"code":\s*(\d+),\s*"message":\s*("(?:[^"\\]|\\.)*")/.exec(text);
  if (found === null || text.startsWith('{"header"')) return { code: 0, message: "" };
  return { code: Number(found[1]), message: JSON.parse(found[2]!) as string };
}

/** Go's protobuf puts one of two kinds of blanks into its texts, by the build. */
function plain(message: string): string {
  return message.replaceAll("\u00a0", " ");
}
