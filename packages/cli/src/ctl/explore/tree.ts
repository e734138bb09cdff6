import type { Invocation } from "../../command-line/command.ts";
import { connect } from "../session/connect.ts";
import { type Style, shown, styleOf } from "../terminal/style.ts";
import { addTo, type Folder, newFolder } from "./folders.ts";
import { depthOf, keysUnder, onePrefix } from "./pages.ts";

const ONE_KEY = { keys: 1, bytes: 0, oldBytes: 0 };

/** `tree [prefix]` */
export async function run(invocation: Invocation): Promise<void> {
  const { args, flags, output } = invocation;
  const prefix = onePrefix(args, "tree");
  const depth = depthOf(flags);
  const { client } = await connect(invocation);
  const root = newFolder(prefix);
  const below = Buffer.from(prefix).length;
  const pages = { keysOnly: true, revision: flags.integer("rev") };
  for await (const { key } of keysUnder(client, prefix, pages)) {
    // One character a byte: keys need not be text.
    const path = Buffer.from(key.subarray(below)).toString("latin1");
    const separator = Buffer.from(flags.text("separator")).toString("latin1");
    addTo(root, path, separator, depth > 0 ? depth : Number.POSITIVE_INFINITY, ONE_KEY);
  }
  const style = styleOf(invocation);
  output.line(`${style.folder(prefix === "" ? "(all keys)" : shown(Buffer.from(prefix)))} ${told(root)}`);
  for (const line of linesOf(root, "", style)) output.line(line);
}

function* linesOf(folder: Folder, indent: string, style: Style): Generator<string> {
  const children = [...folder.children.values()];
  for (const [i, child] of children.entries()) {
    const isLast = i === children.length - 1;
    const name = shown(Buffer.from(child.name, "latin1"));
    const isLeaf = child.children.size === 0 && child.keys === 1 && child.isKey;
    const text = isLeaf ? name : `${style.folder(name)} ${told(child)}`;
    yield `${indent}${isLast ? "└── " : "├── "}${text}`;
    yield* linesOf(child, `${indent}${isLast ? "    " : "│   "}`, style);
  }
}

function told({ keys }: Folder): string {
  return `(${keys} ${keys === 1 ? "key" : "keys"})`;
}
