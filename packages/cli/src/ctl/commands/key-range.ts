import { NO_END, prefixEnd } from "@quorate/client";
import { badArguments, Exit, ExitCode } from "../../command-line/exit.ts";
import type { FlagValues } from "../../command-line/flag-values.ts";

/** The end of a range by `--prefix` or `--from-key`. An empty key with either is the first one that there can be. */
export function rangeOf(
  key: string,
  rangeEnd: string | undefined,
  flags: FlagValues,
): { key: string | Uint8Array; rangeEnd?: string | Uint8Array } {
  if (flags.on("from-key") || (flags.on("prefix") && key === ""))
    return { key: key === "" ? NO_END : key, rangeEnd: NO_END };
  if (flags.on("prefix")) return { key, rangeEnd: prefixEnd(key) };
  return rangeEnd === undefined ? { key } : { key, rangeEnd };
}

/** Throws Exit. */
export function checkPrefixOrFromKey(flags: FlagValues): void {
  if (flags.on("prefix") && flags.on("from-key"))
    throw badArguments("`--prefix` and `--from-key` cannot be set at the same time, choose one");
}

/** Throws Exit. */
export function checkNoRangeEnd(flags: FlagValues, rangeEnd: string | undefined): void {
  if (rangeEnd !== undefined && (flags.on("prefix") || flags.on("from-key")))
    throw badArguments("too many arguments, only accept one argument when `--prefix` or `--from-key` is set");
}

/** Whether `--consistency` asks for whatever a member has. Throws Exit when it asks for nothing known. */
export function isSerializable(consistency: string, shown: string = consistency): boolean {
  if (consistency !== "l" && consistency !== "s")
    throw new Exit(ExitCode.BAD_FEATURE, `unknown consistency flag ${JSON.stringify(shown)}`);
  return consistency === "s";
}
