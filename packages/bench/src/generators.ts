/** The programs that make load, and how a row is put to each of them. */
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { cacheDir, type Found, which } from "@quorate/testkit/etcd";
import { buildGo } from "@quorate/testkit/go";
import { type Measurement, parseMeasurement } from "./measurement.ts";
import { totalCpuUs } from "./process-usage.ts";
import {
  type GeneratorName,
  KEY_BYTES,
  KEYS,
  LEASES,
  type OperationName,
  type Row,
  VALUE_BYTES,
} from "./rows.ts";
import { percentile } from "./statistics.ts";
import { loadFlags, type Transport } from "./transport.ts";

const run = promisify(execFile);
const packageDir = path.resolve(import.meta.dirname, "..");

/** What is loaded. Only the native generator can take several ports or processes. */
export interface Target {
  /** Connections are dealt out over these in turn. */
  readonly ports: readonly number[];
  /** Whose CPU time is counted, all together. */
  readonly pids: readonly number[];
  /** Of a user, with which all requests come; only the native generator can. Default none. */
  readonly token?: string | undefined;
  readonly transport: Transport;
}

export interface Timing {
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly seed: number;
}

export type Generator = (row: Row, target: Target, timing: Timing) => Promise<Measurement>;

async function output(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(program, args, { maxBuffer: 1 << 28, encoding: "utf8" });
  return stdout;
}

// ---- the native generator: etcdload.c ----

/** Compiles etcdload.c when it has changed. */
export function buildNative(): Found<string> {
  const source = path.join(packageDir, "native/etcdload.c");
  const digest = createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 16);
  const program = path.join(cacheDir, `etcdload-${digest}`);
  if (existsSync(program)) return { found: program };
  const compiler = which("cc") ?? which("gcc") ?? which("clang");
  if (compiler === undefined) return { missing: "no C compiler for etcdload.c" };
  mkdirSync(cacheDir, { recursive: true });
  const libraries = ["-lnghttp2", "-lssl", "-lcrypto"];
  const build = spawnSync(compiler, ["-O2", "-o", program, source, ...libraries], { encoding: "utf8" });
  if (build.status === 0) return { found: program };
  const needed = "Debian: apt-get install libnghttp2-dev libssl-dev";
  return {
    missing: `etcdload.c does not compile (${needed}): ${build.stderr.slice(0, 500)}`,
  };
}

const NATIVE_ARGS: Readonly<Record<OperationName, readonly string[]>> = {
  put: ["--op", "put"],
  "put-as-user": ["--op", "put"],
  range: ["--op", "range"],
  "range-serializable": ["--op", "range", "--serializable"],
  "range-100": ["--op", "range", "--span", "100"],
  "range-10000": ["--op", "range", "--span", "10000"],
  txn: ["--op", "txn"],
  watch: ["--op", "watch", "--window", "16"],
  "watch-latency": ["--op", "watch", "--window", "1"],
  "lease-grant": ["--op", "lease-grant"],
  keepalive: ["--op", "keepalive", "--keys", String(LEASES)],
  connect: ["--op", "connect"],
  "connect-resumed": ["--op", "connect", "--resume"],
  idle: ["--op", "idle"],
};

function common(target: Target, row: Pick<Row, "connections" | "streams">): string[] {
  return [
    ...["--port", target.ports.join(","), "--pid", target.pids.join(",")],
    ...["--connections", String(row.connections), "--streams", String(row.streams)],
    ...["--keys", String(KEYS), "--key-size", String(KEY_BYTES), "--value-size", String(VALUE_BYTES)],
    ...(target.token === undefined ? [] : ["--token", target.token]),
    ...loadFlags(target.transport),
  ];
}

function timed(timing: Timing): string[] {
  return [
    ...["--seconds", String(timing.seconds), "--warmup", String(timing.warmupSeconds)],
    ...["--seed", String(timing.seed)],
  ];
}

function native(program: string): Generator {
  return async (row, target, timing) =>
    parseMeasurement(
      await output(program, [...common(target, row), ...timed(timing), ...NATIVE_ARGS[row.operation]]),
    );
}

/** Puts keys 0..count-1 with the native generator. */
export async function fill(program: string, target: Target, count: number): Promise<Measurement> {
  const shape = { connections: 10, streams: 100 };
  return parseMeasurement(
    await output(program, [...common(target, shape), "--op", "fill", "--keys", String(count)]),
  );
}

/** Grants leases 1..count. */
export async function fillLeases(program: string, target: Target, count: number): Promise<Measurement> {
  const shape = { connections: 10, streams: 10 };
  return parseMeasurement(
    await output(program, [...common(target, shape), "--op", "lease-fill", "--keys", String(count)]),
  );
}

/** Runs the native generator with arguments of the caller's. */
export async function nativeRun(
  program: string,
  target: Target,
  args: readonly string[],
): Promise<Measurement> {
  return parseMeasurement(
    await output(program, [...common(target, { connections: 1, streams: 1 }), ...args]),
  );
}

// ---- h2load ----

/** The key of a number, as etcdload.c makes it. */
function keyOf(number: number): string {
  return `key/${String(number).padStart(KEY_BYTES - 4, "0")}`;
}

function grpcMessage(operation: OperationName, seed: number): Buffer {
  const key = Buffer.from(keyOf(seed % KEYS));
  const field = (tag: number, bytes: Buffer): Buffer[] => [
    Buffer.from(
      bytes.length < 128 ? [tag, bytes.length] : [tag, (bytes.length & 0x7f) | 0x80, bytes.length >> 7],
    ),
    bytes,
  ];
  const value = Buffer.alloc(VALUE_BYTES, 0x5a);
  const body = Buffer.concat(
    operation === "put" ? [...field(0x0a, key), ...field(0x12, value)] : field(0x0a, key),
  );
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

/**
 * h2load sends the same body with every request, so the key is random a run, not a request. Its CPU figure is taken
 * around the whole run, warm-up included, and divided by all requests of it.
 */
function h2load(program: string): Generator {
  return async (row, target, timing) => {
    const base = path.join(cacheDir, `h2load-${process.pid}`);
    writeFileSync(`${base}.body`, grpcMessage(row.operation, timing.seed * 7919));
    const rpc = row.operation === "put" ? "Put" : "Range";
    const args = [
      ...["-t", "1", "-c", String(row.connections), "-m", String(row.streams)],
      ...[
        "-D",
        String(Math.max(1, Math.round(timing.seconds))),
        "--warm-up-time",
        `${Math.max(1, Math.round(timing.warmupSeconds))}s`,
      ],
      ...["-d", `${base}.body`, "--log-file", `${base}.log`],
      ...["-H", "content-type: application/grpc", "-H", "te: trailers"],
      `http://127.0.0.1:${target.ports[0]}/etcdserverpb.KV/${rpc}`,
    ];
    const before = totalCpuUs(target.pids);
    const text = await output(program, args);
    const serverCpuUs = totalCpuUs(target.pids) - before;
    const log = readFileSync(`${base}.log`, "latin1").split("\n");
    rmSync(`${base}.log`);
    rmSync(`${base}.body`);
    const latencies: number[] = [];
    for (const line of log) {
      const [, status, us] = line.split("\t");
      if (status === "200") latencies.push(Number(us));
    }
    const measured = /finished in ([\d.]+)(m?s), ([\d.]+) req\/s/.exec(text);
    const requests =
      /requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored/.exec(text);
    if (measured === null || requests === null) throw new Error(`h2load said: ${text}`);
    latencies.sort((a, b) => a - b);
    const count = Number(requests[2]);
    const perSecond = Number(measured[3]);
    // The log also holds the warm-up; so does the CPU time.
    const allRequests = Math.max(latencies.length, count);
    return {
      requests: count,
      failed: Number(requests[3]) + Number(requests[4]),
      seconds: count / perSecond,
      perSecond,
      p50Us: percentile(latencies, 0.5),
      p99Us: percentile(latencies, 0.99),
      p999Us: percentile(latencies, 0.999),
      maxUs: latencies.at(-1) ?? Number.NaN,
      serverCpuUs: (serverCpuUs * count) / allRequests,
      clientCpuUs: Number.NaN,
      resumed: 0,
      heldKib: Number.NaN,
      firstError: "",
    };
  };
}

// ---- Go's clientv3, and our own client ----

function external(program: string, leading: readonly string[]): Generator {
  return async (row, target, timing) =>
    parseMeasurement(
      await output(program, [...leading, ...common(target, row), ...timed(timing), "--op", row.operation]),
    );
}

/** The generators that this machine can run, and why the others are missing. */
export function findGenerators(): ReadonlyMap<GeneratorName, Found<Generator>> {
  const map = (found: Found<string>, make: (program: string) => Generator): Found<Generator> =>
    "missing" in found ? found : { found: make(found.found) };
  const h2loadProgram = which("h2load");
  return new Map<GeneratorName, Found<Generator>>([
    ["native", map(buildNative(), native)],
    [
      "h2load",
      h2loadProgram === undefined
        ? { missing: "no h2load (Debian: apt-get install nghttp2-client)" }
        : { found: h2load(h2loadProgram) },
    ],
    ["go", map(buildGo(path.join(packageDir, "go"), ["build"]), (program) => external(program, []))],
    [
      "quorate",
      {
        found: external(process.execPath, [
          "--disable-warning=ExperimentalWarning",
          path.join(packageDir, "src/own-client-load.ts"),
        ]),
      },
    ],
  ]);
}
