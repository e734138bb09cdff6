import {
  type Client,
  EventType,
  prefixEnd,
  WatchCanceled,
  type WatchedChanges,
  type Watcher,
} from "@quorate/client";
import {
  type Event,
  Event as EventTable,
  ResponseHeader,
  EventType as Types,
  WatchResponse,
} from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, Exit, ExitCode, exitWith } from "../../command-line/exit.ts";
import { lastOf } from "../../command-line/find-command.ts";
import { FlagValues } from "../../command-line/flag-values.ts";
import { parseFlags, UsageError } from "../../command-line/parse-flags.ts";
import { quote } from "../../go-text/quote.ts";
import { type Display, type Printable, print } from "../output/display.ts";
import { jsonText, messageJson } from "../output/json.ts";
import { connect } from "../session/connect.ts";
import { runCommand } from "./child-process.ts";
import { type WatchArguments, watchArguments, watchEnvironment } from "./watch-arguments.ts";
import { splitWords } from "./words.ts";

export async function run(invocation: Invocation): Promise<void> {
  const { args, flags, words, environment } = invocation;
  const given = watchEnvironment(environment);
  if (flags.on("interactive")) return interact(invocation);
  const behind = words.slice(words.indexOf("watch") + 1);
  const watched = watchArguments(behind, args, given);
  const { client, display } = await connect(invocation);
  const complaint = rangeComplaint(watched, flags) ?? changesComplaint(flags, display);
  if (complaint !== undefined) throw badArguments(complaint);
  const show = await showerFor(flags, display, invocation);
  await follow(startWatch(client, watched, flags), watched, display, environment, show);
}

async function interact(invocation: Invocation): Promise<void> {
  const { path, environment, input, output } = invocation;
  const given = watchEnvironment(environment);
  const { client, display } = await connect(invocation);
  const watchers: Watcher[] = [];
  for (;;) {
    const line = await input.line();
    if (line === undefined) throw new Exit(ExitCode.INVALID_INPUT, "error reading watch request line: EOF");
    const words = splitWords(line);
    if (words.length === 0) output.errorLine(`Invalid command: ${line} (watch and progress supported)`);
    else if (words[0] === "progress") for (const watcher of watchers) watcher.requestProgress();
    else if (words[0] !== "watch") output.errorLine(`Invalid command ${line} (only support watch)`);
    else if (words.length < 2 && given.key === "")
      output.errorLine(`Invalid command ${line} (command type or key is not provided)`);
    else {
      const flags = new FlagValues(lastOf(path).flags ?? []);
      const watched = watchArguments(words.slice(1), parsed(words.slice(1), flags), given);
      const complaint = rangeComplaint(watched, flags) ?? changesComplaint(flags, display);
      if (complaint !== undefined) {
        output.errorLine(`Invalid command ${line} (${complaint})`);
        continue;
      }
      const show = await showerFor(flags, display, invocation);
      const watcher = startWatch(client, watched, flags);
      watchers.push(watcher);
      follow(watcher, watched, display, environment, show, "stay").catch((error: unknown) =>
        exitNow(exitWith(ExitCode.ERROR, error), display),
      );
    }
  }
}

function parsed(words: readonly string[], flags: FlagValues): string[] {
  try {
    return parseFlags(words, flags);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw badArguments(error.message);
  }
}

/** What is wrong with the keys beside the flags. */
function rangeComplaint({ keys }: WatchArguments, flags: FlagValues): string | undefined {
  if (keys.length === 0) return "bad number of arguments";
  if (keys.length === 2 && flags.on("prefix")) return "`range_end` and `--prefix` are mutually exclusive";
  return undefined;
}

function changesComplaint(flags: FlagValues, { format }: Display): string | undefined {
  if (!onlyChanges(flags) || format === "simple") return undefined;
  return "--watch-only-changes is only for `--write-out=simple`";
}

/** Only `quorate ctl` has the flag. */
function onlyChanges(flags: FlagValues): boolean {
  return flags.byName(ONLY_CHANGES) !== undefined && flags.on(ONLY_CHANGES);
}

const ONLY_CHANGES = "watch-only-changes";

/** Prints what a response has told. */
type Shower = (changed: WatchedChanges) => Promise<void>;

async function showerFor(flags: FlagValues, display: Display, invocation: Invocation): Promise<Shower> {
  if (!onlyChanges(flags))
    return ({ header, events }) => print(display, watchResult({ ...EMPTY, header, events }));
  const { printChanges } = await import("./watch-changes.ts");
  return async ({ events }) => printChanges(invocation, events);
}

function startWatch(client: Client, { keys }: WatchArguments, flags: FlagValues): Watcher {
  const [key, end] = keys;
  const prefix = flags.on("prefix");
  const range = prefix
    ? key === ""
      ? { key: "\0", rangeEnd: "\0" }
      : { key, rangeEnd: prefixEnd(key) }
    : { key, rangeEnd: keys.length === 2 ? end : undefined };
  const request = {
    ...range,
    startRevision: flags.integer("rev"),
    prevKv: flags.on("prev-kv") || onlyChanges(flags),
    progressNotify: flags.on("progress-notify"),
  };
  return client.watch(request, { requireLeader: true });
}

/** Prints what happens until the server ends it, which ends the process unless it is to stay. */
async function follow(
  watcher: Watcher,
  { command }: WatchArguments,
  display: Display,
  environment: Invocation["environment"],
  show: Shower,
  atTheEnd: "exit" | "stay" = "exit",
): Promise<void> {
  try {
    for await (const { header, events } of watcher) {
      if (events.length === 0) display.output.line(`progress notify: ${header.revision}`);
      await show({ header, events });
      if (command.length > 0)
        for (const event of events) await runFor(event, header, command, environment, display);
    }
  } catch (error) {
    if (error instanceof Exit) throw error;
    const canceled = error instanceof WatchCanceled ? error : undefined;
    const last = canceled?.response;
    // A watch that had not even begun is told as the server told it.
    const why = canceled !== undefined && last === undefined ? canceled.reason : (error as Error).message;
    display.output.errorLine(`watch was canceled (${why})`);
    await print(display, watchResult(last ?? { ...EMPTY, canceled: true }));
  }
  if (atTheEnd === "exit") throw new Exit(ExitCode.INTERRUPTED, "watch is canceled by the server");
}

function exitNow({ message, code }: Exit, { output }: Display): never {
  if (message !== "") output.errorLine(`Error: ${message}`);
  process.exit(code);
}

async function runFor(
  { type, kv }: Event,
  header: ResponseHeader,
  command: readonly string[],
  environment: Invocation["environment"],
  { output }: Display,
): Promise<void> {
  const ended = await runCommand(command, {
    ...environment,
    ETCD_WATCH_REVISION: String(header.revision),
    ETCD_WATCH_EVENT_TYPE: quote(typeName(type)),
    ETCD_WATCH_KEY: quote(kv?.key ?? ""),
    ETCD_WATCH_VALUE: quote(kv?.value ?? ""),
  });
  if (ended.error === "") return;
  output.errorLine(`command [${command.map((word) => quote(word)).join(" ")}] error (${ended.error})`);
  throw new Exit(ExitCode.ERROR);
}

const EMPTY: WatchResponse = {
  header: undefined,
  watchId: 0n,
  created: false,
  canceled: false,
  compactRevision: 0n,
  cancelReason: "",
  fragment: false,
  events: [],
};

function watchResult(response: WatchResponse): Printable {
  const { header, events, compactRevision, canceled, created } = response;
  return {
    message: { table: WatchResponse, value: response },
    protobuf: { table: WatchResponse, value: { header, events, compactRevision, canceled, created } },
    json: () => watchJson(response),
    simple(simple) {
      for (const { type, kv, prevKv } of events) {
        simple.line(typeName(type));
        if (prevKv !== undefined) simple.keyValue(prevKv);
        if (kv !== undefined) simple.keyValue(kv);
      }
    },
    fields(fields) {
      fields.header(header);
      for (const { type, kv, prevKv } of events) {
        fields.plain("Type", typeName(type));
        fields.keyValue(prevKv, "Prev");
        fields.keyValue(kv);
      }
    },
  };
}

function typeName(type: number): string {
  return type === EventType.DELETE ? "DELETE" : Object.keys(Types)[type]!;
}

/** Not a message but Go's own structure: all is there, with capital letters. */
function watchJson({
  header,
  events,
  compactRevision,
  canceled,
  created,
  cancelReason,
}: WatchResponse): string {
  const list = events.map((event) => messageJson(EventTable, event)).join(",");
  return [
    `{"Header":${header === undefined ? "{}" : messageJson(ResponseHeader, header)}`,
    `"Events":${events.length === 0 ? "null" : `[${list}]`}`,
    `"CompactRevision":${compactRevision}`,
    `"Canceled":${canceled}`,
    `"Created":${created}`,
    `"CancelReason":${jsonText(cancelReason)}}`,
  ].join(",");
}
