/**
 * The process beside: it puts and reads a key each few milliseconds, each on a connection of its own, and measures the
 * machine meanwhile. A process of its own, so that what large answers cost their client is not in its figures.
 * Arguments: the member's address, a file on the member's disk, and a user's token if one is needed.
 */
import { open } from "node:fs/promises";
import { GrpcClient } from "@quorate/rpc/client";
import { binaryOf, methodOf } from "./requests.ts";

/** What the process beside saw since it was asked last; everything in milliseconds. */
export interface Beside {
  readonly puts: number;
  readonly putMs: number;
  /** What 99 of a hundred puts did not exceed. */
  readonly putP99Ms: number;
  readonly readMs: number;
  /** The machine's own noise: how late a timer of a process that does nothing else came. */
  readonly lateMs: number;
  /** How long a sync of a few bytes to the same disk took. */
  readonly syncMs: number;
  /** Requests that failed. */
  readonly failures: readonly string[];
}

const EVERY_MS = 5;
const PUT = methodOf("KV/Put");
const RANGE = methodOf("KV/Range");

/** One kind of request that is sent every few milliseconds, whether the last one has been answered or not. */
class Requests {
  longestMs = 0;
  ended = 0;
  readonly failures: string[] = [];
  #waitsMs: number[] = [];
  readonly #client: GrpcClient;
  readonly #path: string;
  readonly #message: Uint8Array;
  readonly #token: string | undefined;
  /** When they were sent. */
  readonly #open = new Set<{ readonly sentMs: number }>();

  constructor(client: GrpcClient, path: string, message: Uint8Array, token: string | undefined) {
    this.#token = token;
    this.#client = client;
    this.#path = path;
    this.#message = message;
  }

  send(): void {
    const request = { sentMs: performance.now() };
    this.#open.add(request);
    const onEnd = ({ code, details }: { code: number; details: string }): void => {
      this.#open.delete(request);
      this.ended += 1;
      this.#note(request.sentMs);
      if (code !== 0 && this.failures.length < 10) this.failures.push(`${this.#path}: ${code} ${details}`);
    };
    const options = this.#token === undefined ? {} : { metadata: { token: this.#token } };
    this.#client.unaryCall(this.#path, this.#message.slice(), { onEnd }, options);
  }

  /** Those that still wait count with what they have waited. */
  take(): { longestMs: number; p99Ms: number; ended: number; failures: readonly string[] } {
    for (const { sentMs } of this.#open) this.#note(sentMs);
    const waitsMs = this.#waitsMs.sort((a, b) => a - b);
    const p99Ms = waitsMs[Math.floor(waitsMs.length * 0.99)] ?? 0;
    const { longestMs, ended } = this;
    const taken = { longestMs, p99Ms, ended, failures: this.failures.splice(0) };
    this.#waitsMs = [];
    this.longestMs = 0;
    this.ended = 0;
    return taken;
  }

  #note(sentMs: number): void {
    const waitedMs = performance.now() - sentMs;
    this.longestMs = Math.max(this.longestMs, waitedMs);
    this.#waitsMs.push(waitedMs);
  }
}

async function main(address: string, file: string, token: string | undefined): Promise<void> {
  const key = Buffer.from("beside");
  const putMessage = binaryOf(PUT, { key, value: Buffer.from("a few bytes") });
  const puts = new Requests(await GrpcClient.connect({ address }), PUT.path, putMessage, token);
  const readMessage = binaryOf(RANGE, { key, serializable: true });
  const reads = new Requests(await GrpcClient.connect({ address }), RANGE.path, readMessage, token);
  let lateMs = 0;
  let dueMs = performance.now() + EVERY_MS;
  setInterval(() => {
    const nowMs = performance.now();
    lateMs = Math.max(lateMs, nowMs - dueMs);
    dueMs = nowMs + EVERY_MS;
    puts.send();
    reads.send();
  }, EVERY_MS);

  const disk = await open(file, "w");
  let syncMs = 0;
  const sync = async (): Promise<void> => {
    const startedMs = performance.now();
    await disk.write("a few bytes", 0);
    await disk.datasync();
    syncMs = Math.max(syncMs, performance.now() - startedMs);
    setTimeout(sync, 2 * EVERY_MS);
  };
  void sync();

  process.on("message", () => {
    const put = puts.take();
    const read = reads.take();
    const beside: Beside = {
      puts: put.ended,
      putMs: put.longestMs,
      putP99Ms: put.p99Ms,
      readMs: read.longestMs,
      lateMs,
      syncMs,
      failures: [...put.failures, ...read.failures],
    };
    lateMs = 0;
    syncMs = 0;
    process.send!(beside);
  });
  process.on("disconnect", () => process.exit(0));
  process.send!("ready");
}

if (import.meta.main) await main(process.argv[2]!, process.argv[3]!, process.argv[4]);
