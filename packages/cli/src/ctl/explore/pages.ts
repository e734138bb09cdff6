import { type Client, NO_END, prefixEnd } from "@quorate/client";
import type { KeyValue } from "@quorate/wire/messages";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import type { FlagValues } from "../../command-line/flag-values.ts";
import { parseInt64 } from "../../go-text/parse-number.ts";
import { keyBehind } from "../session/answers.ts";

const KEYS_OF_A_PAGE = 1_000;

export interface Pages {
  /** 0: the newest one, which stays the same for all pages. */
  readonly revision?: bigint;
  readonly keysOnly?: boolean;
}

/** All keys that begin with `prefix`. */
export function rangeUnder(prefix: string): Required<KeyRange> {
  if (prefix === "") return { key: NO_END, rangeEnd: NO_END };
  const key = Buffer.from(prefix);
  return { key, rangeEnd: prefixEnd(key) };
}

export interface KeyRange {
  readonly key: Uint8Array;
  /** None: the key alone. */
  readonly rangeEnd?: Uint8Array;
}

/** The keys of a range in their order, all of one revision. Throws Exit. */
export async function* keysIn(
  client: Client,
  { key: first, rangeEnd }: KeyRange,
  { revision: asked = 0n, keysOnly = false }: Pages = {},
): AsyncGenerator<KeyValue, void> {
  let key = first;
  let revision = asked;
  for (;;) {
    const page = await client.kv
      .range({ key, ...(rangeEnd && { rangeEnd }), revision, keysOnly, limit: KEYS_OF_A_PAGE })
      .catch((error: unknown) => {
        throw exitWith(ExitCode.ERROR, error);
      });
    if (revision === 0n) revision = page.header?.revision ?? 0n;
    yield* page.kvs;
    if (!page.more) return;
    key = keyBehind(key, page.kvs);
  }
}

/** The same of all keys that begin with `prefix`. */
export function keysUnder(client: Client, prefix: string, pages?: Pages): AsyncGenerator<KeyValue, void> {
  return keysIn(client, rangeUnder(prefix), pages);
}

/** The prefix that a command may be given as its only argument. Throws Exit. */
export function onePrefix(args: readonly string[], command: string): string {
  if (args.length > 1) throw badArguments(`${command} command takes one prefix at most`);
  return args[0] ?? "";
}

/** How many levels are wanted. Throws Exit. */
export function depthOf(flags: FlagValues): number {
  const depth = Number(flags.integer("depth"));
  if (depth < 0) throw badArguments("--depth is negative");
  return depth;
}

/** Throws Exit. */
export function parseRevision(text: string): bigint {
  let revision: bigint;
  try {
    revision = parseInt64(text);
  } catch (error) {
    throw badArguments(`bad revision (${(error as Error).message})`);
  }
  if (revision <= 0n) throw badArguments(`bad revision (${text} is not positive)`);
  return revision;
}
