import { type Client, ClientError } from "@quorate/client";
import type { Init, RequestOp } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, Exit, ExitCode, exitWith } from "../../command-line/exit.ts";
import { connect } from "../session/connect.ts";
import { type DumpLine, parseDumpLine } from "./dump-lines.ts";

/** Well below what a transaction may be, by default. */
const MOST_KEYS_AT_ONCE = 100;
const MOST_BYTES_AT_ONCE = 524_288;
const LEASE_EXISTS = "etcdserver: lease already exists";

/** `load`: what `dump` has written, from standard input. What comes before a line that is wrong is stored. */
export async function run(invocation: Invocation): Promise<void> {
  const { args, input, output } = invocation;
  if (args.length > 0) throw badArguments("load command takes no arguments");
  const { client } = await connect(invocation);
  const loader = new Loader(client);
  for (let number = 1; ; number++) {
    const line = await input.line();
    if (line === undefined) break;
    if (line.trim() === "") continue;
    let read: DumpLine;
    try {
      read = parseDumpLine(line);
    } catch (error) {
      await loader.flush();
      throw new Exit(ExitCode.INVALID_INPUT, `line ${number}: ${(error as Error).message}`);
    }
    await loader.add(read);
  }
  const last = input.unfinishedLine();
  await loader.flush();
  if (last.trim() !== "")
    throw new Exit(ExitCode.INVALID_INPUT, "the last line has no end: something is missing");
  output.line(`loaded ${loader.keys} keys and ${loader.leases} leases`);
}

/** Stores keys several at a time, in their order. */
class Loader {
  keys = 0;
  leases = 0;
  readonly #client: Client;
  /** Those that are no more: what had them is stored without. */
  readonly #ended = new Set<bigint>();
  #waiting = new Map<string, Init<RequestOp>>();
  #waitingBytes = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  async add(line: DumpLine): Promise<void> {
    if (line.kind === "lease") return this.#grant(line.id, line.ttl);
    const { key, value, lease } = line;
    const name = key.toString("latin1");
    const bytes = key.length + value.length;
    const isFull =
      this.#waiting.size === MOST_KEYS_AT_ONCE || this.#waitingBytes + bytes > MOST_BYTES_AT_ONCE;
    // No transaction may put a key twice.
    if (isFull || this.#waiting.has(name)) await this.flush();
    this.#waiting.set(name, { requestPut: { key, value, lease: this.#ended.has(lease) ? 0n : lease } });
    this.#waitingBytes += bytes;
  }

  async flush(): Promise<void> {
    if (this.#waiting.size === 0) return;
    await this.#client.kv.txn({ success: [...this.#waiting.values()] }).catch(failed);
    this.keys += this.#waiting.size;
    this.#waiting = new Map();
    this.#waitingBytes = 0;
  }

  async #grant(id: bigint, ttl: bigint): Promise<void> {
    if (ttl <= 0n) {
      this.#ended.add(id);
      return;
    }
    try {
      await this.#client.lease.grant({ ID: id, TTL: ttl });
      this.leases++;
    } catch (error) {
      if (!(error instanceof ClientError && error.details === LEASE_EXISTS)) failed(error);
    }
  }
}

function failed(error: unknown): never {
  throw exitWith(ExitCode.ERROR, error);
}
