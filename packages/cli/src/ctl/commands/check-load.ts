import { randomBytes } from "node:crypto";
import { type Client, withPrefix } from "@quorate/client";
import type { Invocation } from "../../command-line/command.ts";
import { Exit, ExitCode, exitWith } from "../../command-line/exit.ts";
import type { Output } from "../../command-line/output.ts";
import { quote } from "../../go-text/quote.ts";
import { clientOf } from "../session/connect.ts";
import { readSettings, type Settings } from "../session/settings.ts";

const ALIASES: Readonly<Record<string, string>> = {
  small: "s",
  medium: "m",
  large: "l",
  xLarge: "xl",
};
const CLEAN_UP_TIMEOUT_MS = 30_000;
/** A random positive int64 as a varint that may be negative is so long at most. */
const RANDOM_BYTES = 10;

/** The settings of the load that the flag names. Throws Exit. */
export function loadNamed<Load>(loads: Readonly<Record<string, Load>>, name: string): Load {
  const load = loads[ALIASES[name] ?? name];
  if (load === undefined) throw new Exit(ExitCode.BAD_FEATURE, `unknown load option ${name}`);
  return load;
}

/** So many clients, each with a connection of its own. */
export async function makeClients(
  invocation: Invocation,
  count: number,
): Promise<{ clients: readonly Client[]; settings: Settings }> {
  const settings = await readSettings(invocation);
  const clients: Client[] = [];
  for (let i = 0; i < count; i++) clients.push(await clientOf(settings));
  return { clients, settings };
}

/** Throws Exit when there is something under the prefix. `how` is the command that the user is told. */
export async function refuseKeysUnder(client: Client, prefix: string, how: string): Promise<void> {
  const { kvs } = await client.kv.range({ ...withPrefix(prefix), limit: 1 }).catch(fail);
  if (kvs.length > 0)
    throw new Exit(ExitCode.INVALID_INPUT, `prefix ${quote(prefix)} has keys. Delete with ${how} first`);
}

/** `prefix` and `bytes` more, of which the first ones are random. */
export function randomKey(prefix: string, bytes: number): Buffer {
  const tail = Buffer.alloc(bytes);
  randomBytes(RANDOM_BYTES).copy(tail);
  return Buffer.concat([Buffer.from(prefix), tail]);
}

/** What became of all requests. */
export class Tally {
  readonly errors = new Map<string, number>();
  readonly #seconds: number[] = [];
  readonly #onDone: (done: number) => void;
  #done = 0;

  /** `onDone` is told after each request how many there have been, whatever became of them. */
  constructor(onDone: (done: number) => void) {
    this.#onDone = onDone;
  }

  /** Makes the request and takes down how it went. */
  async count(request: () => Promise<unknown>): Promise<void> {
    const begunMs = performance.now();
    try {
      await request();
      this.#seconds.push((performance.now() - begunMs) / 1_000);
    } catch (error) {
      const { message } = error as Error;
      this.errors.set(message, (this.errors.get(message) ?? 0) + 1);
    }
    this.#onDone(++this.#done);
  }

  /** Of requests that went well. */
  get succeeded(): number {
    return this.#seconds.length;
  }

  get slowestSeconds(): number {
    return this.#seconds.reduce((slowest, each) => Math.max(slowest, each), 0);
  }

  get standardDeviationSeconds(): number {
    const count = Math.max(1, this.#seconds.length);
    const average = this.#seconds.reduce((sum, each) => sum + each, 0) / count;
    return Math.sqrt(this.#seconds.reduce((sum, each) => sum + (each - average) ** 2, 0) / count);
  }

  printErrors(output: Output): void {
    if (this.errors.size === 0) return;
    output.line("FAIL: too many errors");
    for (const [message, count] of this.errors) output.line(`FAIL: ERROR(${message}) -> ${count}`);
  }
}

export async function compactTo(client: Client, revision: bigint, output: Output): Promise<void> {
  output.line(`Compacting with revision ${revision}`);
  await client.kv.compact({ revision, physical: true }, { timeoutMs: CLEAN_UP_TIMEOUT_MS }).catch(fail);
  output.line(`Compacted with revision ${revision}`);
}

export async function defragmentAll(settings: Settings, output: Output): Promise<void> {
  for (const endpoint of settings.endpoints) {
    output.line(`Defragmenting ${quote(endpoint)}`);
    const client = await clientOf(settings, [endpoint]);
    await client.maintenance.defragment({ timeoutMs: CLEAN_UP_TIMEOUT_MS }).catch(fail);
    output.line(`Defragmented ${quote(endpoint)}`);
    client.close();
  }
}

function fail(error: unknown): never {
  throw exitWith(ExitCode.ERROR, error);
}
