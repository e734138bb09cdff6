import type { Invocation } from "../../command-line/command.ts";
import { humanBytes } from "../../go-text/human-bytes.ts";
import { connect } from "../session/connect.ts";
import { columnsText } from "../terminal/columns.ts";
import { shown, styleOf } from "../terminal/style.ts";
import { changesSince } from "./changes.ts";
import { addTo, type Folder, newFolder } from "./folders.ts";
import { depthOf, keysUnder, onePrefix, rangeUnder } from "./pages.ts";

/** `du [prefix]`: keys and bytes, those of older revisions with `--history`, below each other as on a disk. */
export async function run(invocation: Invocation): Promise<void> {
  const { args, flags, output } = invocation;
  const prefix = onePrefix(args, "du");
  const depth = depthOf(flags);
  const { client } = await connect(invocation);
  const root = newFolder(prefix);
  const below = Buffer.from(prefix).length;
  const separator = Buffer.from(flags.text("separator")).toString("latin1");
  const add = (key: Uint8Array, sizes: { keys: number; bytes: number; oldBytes: number }) =>
    addTo(root, Buffer.from(key.subarray(below)).toString("latin1"), separator, depth, sizes);
  for await (const { key, value } of keysUnder(client, prefix)) {
    const bytes = key.length + value.length;
    // What is live is among the changes, too, and counted there once more.
    add(key, { keys: 1, bytes, oldBytes: -bytes });
  }
  if (flags.on("history")) {
    const { before, events } = await changesSince(client, rangeUnder(prefix));
    for await (const { key, value } of before)
      add(key, { keys: 0, bytes: 0, oldBytes: key.length + value.length });
    for await (const { kv } of events) {
      if (kv !== undefined) add(kv.key, { keys: 0, bytes: 0, oldBytes: kv.key.length + kv.value.length });
    }
  }
  const style = styleOf(invocation);
  // Sizes in numbers that people compare on a terminal, and in those that programs add up elsewhere.
  const forPeople = output.isTerminal() && !flags.changed("write-out");
  const size = (bytes: number) =>
    forPeople ? humanBytes(BigInt(Math.max(0, bytes))) : String(Math.max(0, bytes));
  const rows = rowsOf(root, prefix).map(({ folder, name }) => [
    size(folder.bytes),
    ...(flags.on("history") ? [size(folder.oldBytes)] : []),
    String(folder.keys),
    style.folder(shown(Buffer.from(name, "latin1"))),
  ]);
  for (const line of forPeople ? columnsText(rows) : rows.map((row) => row.join("\t"))) output.line(line);
}

/** What lies deeper comes first, and the whole last. */
function rowsOf(root: Folder, prefix: string): { folder: Folder; name: string }[] {
  const rows: { folder: Folder; name: string }[] = [];
  const visit = (folder: Folder, name: string): void => {
    for (const child of folder.children.values()) visit(child, name + child.name);
    rows.push({ folder, name });
  };
  visit(root, Buffer.from(prefix).toString("latin1"));
  return rows;
}
