import { badArguments } from "../../command-line/exit.ts";
import { quote } from "../../go-text/quote.ts";

/** What the words of a watch mean. */
export interface WatchArguments {
  /** A key, or a key and the end of a range. */
  readonly keys: readonly string[];
  /** What to run for every event; empty: nothing. */
  readonly command: readonly string[];
}

export interface WatchEnvironment {
  readonly key: string;
  readonly rangeEnd: string;
}

/** Throws Exit. */
export function watchEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): WatchEnvironment {
  const key = environment.ETCDCTL_WATCH_KEY ?? "";
  const rangeEnd = environment.ETCDCTL_WATCH_RANGE_END ?? "";
  if (key === "" && rangeEnd !== "")
    throw badArguments(`ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END=${quote(rangeEnd)}`);
  return { key, rangeEnd };
}

/**
 * `words` is all behind `watch`, flags included, `positional` what is no flag, without the separator. What stands behind the
 * first `--` is the command. Throws Exit.
 */
export function watchArguments(
  words: readonly string[],
  positional: readonly string[],
  { key, rangeEnd }: WatchEnvironment,
): WatchArguments {
  const separator = words.indexOf("--");
  const separated = separator >= 0;
  if (separated && separator === words.length - 1)
    throw badArguments("bad number of arguments (found separator --, but no commands)");
  const command = separated ? words.slice(separator + 1) : [];
  const given = positional.slice(0, positional.length - command.length);
  if (!separated && key === "" && given.length === 0) throw badArguments("bad number of arguments");
  if (key !== "" && given.length > 0)
    throw badArguments("bad number of arguments (found conflicting environment key)");
  const fromEnvironment = key === "" ? [] : rangeEnd === "" ? [key] : [key, rangeEnd];
  return { keys: [...fromEnvironment, ...given], command };
}
