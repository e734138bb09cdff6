import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { buildGo } from "@quorate/testkit/go";
import type { Operation, Outcome } from "../testing/model.ts";

const OUTCOMES: readonly Outcome[] = ["OK", "BUCKET_EXISTS", "BUCKET_NOT_FOUND", "INCOMPATIBLE_VALUE"];
/** Anything that it is asked for takes far less. */
const PATIENCE_MS = 120_000;

/** What one phase of the benchmark took, in nanoseconds a record: on the clock, and of the processors. */
export interface BenchPhase {
  readonly name: string;
  readonly ns: number;
  readonly cpuNs: number;
}

/** Go's bbolt in a process of its own, which does what it is asked. */
export class GoTwin {
  readonly #child: ChildProcess;
  #received: Buffer[] = [];
  #waiting: { resolve: (answer: Buffer) => void; reject: (error: Error) => void } | undefined;

  private constructor(program: string) {
    this.#child = spawn(program, [], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdout!.on("data", (chunk: Buffer) => this.#receive(chunk));
    this.#child.on("exit", () => this.#waiting?.reject(new Error("the twin has ended")));
  }

  /** Builds the program, or says what is missing for that. */
  static start(): GoTwin | string {
    const program = buildGo(path.join(import.meta.dirname, "go"), ["build"]);
    return "found" in program ? new GoTwin(program.found) : program.missing;
  }

  async open(file: string, pageBytes: number, storeFreelist: boolean, usesMap: boolean): Promise<void> {
    const request = new Request("O")
      .u32(pageBytes)
      .byte(storeFreelist ? 0 : 1)
      .byte(usesMap ? 1 : 0);
    await this.#ask(request.text(file));
  }

  async close(): Promise<void> {
    await this.#ask(new Request("X"));
  }

  async transaction(operations: readonly Operation[], commits: boolean): Promise<Outcome[]> {
    const request = new Request("T").byte(commits ? 1 : 0).u32(operations.length);
    for (const operation of operations) encode(request, operation);
    return [...(await this.#ask(request))].map((code) => OUTCOMES[code]!);
  }

  async beginRead(id: number): Promise<void> {
    await this.#ask(new Request("R").u32(id));
  }

  /** The digest of what a reader sees, which then ends. */
  async endRead(id: number): Promise<string> {
    return (await this.#ask(new Request("D").u32(id))).toString("hex");
  }

  /** Checks a file that nobody writes; the digest of what is in it. */
  async check(file: string): Promise<string> {
    return (await this.#ask(new Request("K").text(file))).toString("hex");
  }

  /** The pages of a file that bbolt's own check calls neither reachable nor free; anything else that it finds is an error. */
  async lostPages(file: string): Promise<number[]> {
    const complaint = await this.check(file).then(
      () => "",
      (error: Error) => error.message,
    );
    const lines = complaint
      .replace("bbolt: ", "")
      .split("\n")
      .filter((line) => line !== "");
    return lines.map((line) => {
      const page = /^page (\d+): unreachable unfreed$/.exec(line)?.[1];
      if (page === undefined) throw new Error(complaint);
      return Number(page);
    });
  }

  /** The benchmark's phases. */
  async bench(
    file: string,
    transactions: number,
    records: number,
    valueBytes: number,
  ): Promise<BenchPhase[]> {
    const request = new Request("B").text(file).u32(transactions).u32(records).u32(valueBytes);
    return JSON.parse((await this.#ask(request)).toString()) as BenchPhase[];
  }

  /** Opens an empty file for `longTransaction`. */
  async openLong(file: string): Promise<void> {
    await this.#ask(new Request("L").text(file));
  }

  /** Puts `count` records of `valueBytes` from a revision on, and deletes others, under etcd's load; sizes in bytes. */
  async longTransaction(
    from: number,
    count: number,
    valueBytes: number,
    deleted: readonly number[],
  ): Promise<{ size: number; inUse: number }> {
    const request = new Request("l").u64(BigInt(from)).u32(count).u32(valueBytes).u32(deleted.length);
    const answer = await this.#ask(request.list64(deleted));
    return { size: Number(answer.readBigUInt64LE(0)), inUse: Number(answer.readBigUInt64LE(8)) };
  }

  async closeLong(): Promise<void> {
    await this.#ask(new Request("x"));
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.stdin!.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    await once(this.#child, "exit");
    clearTimeout(timer);
  }

  async #ask(request: Request): Promise<Buffer> {
    const answer = new Promise<Buffer>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    const timer = setTimeout(() => this.#waiting?.reject(new Error("the twin does not answer")), PATIENCE_MS);
    this.#child.stdin!.write(request.bytes());
    try {
      const bytes = await answer;
      if (bytes[0] !== 0) throw new Error(`bbolt: ${bytes.subarray(1).toString()}`);
      return bytes.subarray(1);
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  #receive(chunk: Buffer): void {
    this.#received.push(chunk);
    const all = this.#received.length === 1 ? chunk : Buffer.concat(this.#received);
    this.#received = [all];
    if (all.length < 4 || all.length < 4 + all.readUInt32LE(0)) return;
    this.#received = [];
    this.#waiting?.resolve(all.subarray(4));
  }
}

function encode(request: Request, operation: Operation): void {
  const letter = { put: "p", delete: "d", createBucket: "c", deleteBucket: "r", setSequence: "s" };
  request.letter(letter[operation.kind]).byte(operation.path.length);
  for (const name of operation.path) request.text(name);
  if (operation.kind === "setSequence") {
    request.u64(operation.sequence);
    return;
  }
  request.text(operation.key);
  if (operation.kind === "put") request.list(operation.value);
}

class Request {
  readonly #parts: Uint8Array[] = [];

  constructor(kind: string) {
    this.letter(kind);
  }

  letter(letter: string): this {
    this.#parts.push(Buffer.from(letter));
    return this;
  }

  byte(value: number): this {
    this.#parts.push(Uint8Array.of(value));
    return this;
  }

  u32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.#parts.push(bytes);
    return this;
  }

  u64(value: bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    this.#parts.push(bytes);
    return this;
  }

  list(bytes: Uint8Array): this {
    this.u32(bytes.length);
    this.#parts.push(bytes);
    return this;
  }

  /** Without their number before them. */
  list64(numbers: readonly number[]): this {
    const bytes = Buffer.alloc(8 * numbers.length);
    for (const [i, number] of numbers.entries()) bytes.writeBigUInt64LE(BigInt(number), 8 * i);
    this.#parts.push(bytes);
    return this;
  }

  text(text: string): this {
    return this.list(Buffer.from(text, "latin1"));
  }

  /** With its length before it. */
  bytes(): Buffer {
    const body = Buffer.concat(this.#parts);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(body.length);
    return Buffer.concat([head, body]);
  }
}
