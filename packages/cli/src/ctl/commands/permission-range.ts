import { NO_END, prefixEnd } from "@quorate/client";
import { badArguments } from "../../command-line/exit.ts";
import type { FlagValues } from "../../command-line/flag-values.ts";

/** The keys that a permission is for. Throws Exit. */
export function permissionRange(
  [key, end]: readonly string[],
  flags: FlagValues,
): { key: string | Uint8Array; rangeEnd: string | Uint8Array } {
  const prefix = flags.on("prefix");
  const fromKey = flags.on("from-key");
  const exclusive = "--from-key and --prefix flags are mutually exclusive";
  if (key === "") {
    if (prefix && fromKey) throw badArguments(exclusive);
    return { key: NO_END, rangeEnd: prefix || fromKey ? NO_END : "" };
  }
  if (end !== undefined) {
    if (prefix) throw badArguments("unexpected endkey argument with --prefix flag");
    if (fromKey) throw badArguments("unexpected endkey argument with --from-key flag");
    return { key: key!, rangeEnd: end };
  }
  if (prefix && fromKey) throw badArguments(exclusive);
  if (prefix) return { key: key!, rangeEnd: prefixEnd(key!) };
  return { key: key!, rangeEnd: fromKey ? NO_END : "" };
}
