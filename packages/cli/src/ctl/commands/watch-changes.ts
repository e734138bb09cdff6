import { EventType } from "@quorate/client";
import type { Event } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { styleOf } from "../terminal/style.ts";
import { changesBetween } from "../values/changes.ts";

/** Of each event what happened, the key, and what is different in its value. */
export function printChanges(invocation: Invocation, events: readonly Event[]): void {
  const { output } = invocation;
  const style = styleOf(invocation);
  for (const { type, kv, prevKv } of events) {
    if (kv === undefined) continue;
    const isDeletion = type === EventType.DELETE;
    output.line(isDeletion ? style.removed("DELETE") : style.added("PUT"));
    output.line(...style.name(kv.key));
    if (isDeletion) continue;
    for (const { kind, line } of changesBetween(prevKv, kv))
      output.line(kind === "added" ? style.added(`+ ${line}`) : style.removed(`- ${line}`));
  }
}
