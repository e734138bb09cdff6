import { EventType } from "@quorate/client";
import type { KeyValue } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments } from "../../command-line/exit.ts";
import { connect } from "../session/connect.ts";
import { shown, styleOf } from "../terminal/style.ts";
import { changesSince } from "./changes.ts";

/** `history <key>`: a line each, with the revision, what happened, the key's version and its value. */
export async function run(invocation: Invocation): Promise<void> {
  const { args, output } = invocation;
  const [key] = args;
  if (key === undefined || key === "" || args.length !== 1)
    throw badArguments("history command needs one key");
  const { client } = await connect(invocation);
  const style = styleOf(invocation);
  const putLine = ({ modRevision, version, value }: KeyValue) =>
    output.line([modRevision, style.added("PUT"), version, shown(value)].join("\t"));
  const { before, events } = await changesSince(client, { key: Buffer.from(key) });
  for await (const kv of before) putLine(kv);
  for await (const { type, kv } of events) {
    if (kv === undefined) continue;
    if (type === EventType.DELETE) output.line(`${kv.modRevision}\t${style.removed("DELETE")}`);
    else putLine(kv);
  }
}
