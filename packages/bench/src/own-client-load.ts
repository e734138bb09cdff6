/**
 * Load through our own gRPC client: a process of its own, so that its cost is not the server's. Takes the options
 * of etcdload.c and prints the same JSON; operations are `put` and `range`.
 */
import { parseArgs } from "node:util";
import { GrpcClient } from "@quorate/rpc/client";
import { cpuUs } from "./process-usage.ts";
import { percentile } from "./statistics.ts";

const { values } = parseArgs({
  options: {
    op: { type: "string", default: "put" },
    port: { type: "string", default: "2379" },
    pid: { type: "string", default: "0" },
    connections: { type: "string", default: "1" },
    streams: { type: "string", default: "1" },
    seconds: { type: "string", default: "5" },
    warmup: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    keys: { type: "string", default: "100000" },
    "key-size": { type: "string", default: "32" },
    "value-size": { type: "string", default: "256" },
  },
});
const pid = Number(values.pid);
const keys = Number(values.keys);
const keySize = Number(values["key-size"]);
const path = values.op === "put" ? "/etcdserverpb.KV/Put" : "/etcdserverpb.KV/Range";

/** A request whose key digits are overwritten in a copy. */
function template(): Uint8Array {
  const key = Buffer.from(`key/${"0".repeat(keySize - 4)}`);
  const parts = [Buffer.from([0x0a, keySize]), key];
  if (values.op === "put") {
    const size = Number(values["value-size"]);
    parts.push(
      Buffer.from(size < 128 ? [0x12, size] : [0x12, (size & 0x7f) | 0x80, size >> 7]),
      Buffer.alloc(size, 0x5a),
    );
  }
  return new Uint8Array(Buffer.concat(parts));
}

const TEMPLATE = template();
let state = Number(values.seed) | 1;

function request(): Uint8Array {
  const message = TEMPLATE.slice();
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  let number = (state >>> 0) % keys;
  for (let at = 2 + keySize - 1; number > 0; at--) {
    message[at] = 0x30 + (number % 10);
    number = Math.floor(number / 10);
  }
  return message;
}

let measuring = false;
let stopping = false;
let failed = 0;
let firstError = "";
let latencies = new Float64Array(1 << 16);
let count = 0;

/** One lane of the closed loop: its next request is sent when the answer has come. */
class Lane {
  readonly client: GrpcClient;
  startedMs = 0;
  constructor(client: GrpcClient) {
    this.client = client;
  }
  send(): void {
    this.startedMs = performance.now();
    this.client.unaryCall(path, request(), this);
  }
  onEnd(status: { code: number; details: string }): void {
    if (measuring) {
      if (count === latencies.length) {
        const larger = new Float64Array(count * 2);
        larger.set(latencies);
        latencies = larger;
      }
      latencies[count++] = performance.now() - this.startedMs;
      if (status.code !== 0) {
        failed += 1;
        firstError ||= status.details;
      }
    }
    if (!stopping) this.send();
  }
}

const clients = await Promise.all(
  Array.from({ length: Number(values.connections) }, () =>
    GrpcClient.connect({ address: `127.0.0.1:${values.port}` }),
  ),
);
for (const client of clients) {
  for (let lane = 0; lane < Number(values.streams); lane++) new Lane(client).send();
}
const wait = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
await wait(Number(values.warmup));
measuring = true;
const startedMs = performance.now();
const serverCpu = pid === 0 ? 0 : cpuUs(pid);
const own = process.cpuUsage();
await wait(Number(values.seconds));
measuring = false;
stopping = true;
const seconds = (performance.now() - startedMs) / 1_000;
const ownUsed = process.cpuUsage(own);
const sorted = latencies.subarray(0, count).sort();
console.log(
  JSON.stringify({
    requests: count,
    failed,
    seconds,
    perSecond: count / seconds,
    p50Us: percentile(sorted, 0.5) * 1_000,
    p99Us: percentile(sorted, 0.99) * 1_000,
    p999Us: percentile(sorted, 0.999) * 1_000,
    serverCpuUs: pid === 0 ? 0 : cpuUs(pid) - serverCpu,
    clientCpuUs: ownUsed.user + ownUsed.system,
    firstError,
  }),
);
process.exit(0);
