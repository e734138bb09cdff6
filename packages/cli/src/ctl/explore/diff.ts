import type { KeyValue } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments } from "../../command-line/exit.ts";
import { connect } from "../session/connect.ts";
import { type Style, shown, styleOf } from "../terminal/style.ts";
import { keysUnder, parseRevision } from "./pages.ts";

/** `diff <revision> <revision> [prefix]`: a line for each key that is not the same, with its values. */
export async function run(invocation: Invocation): Promise<void> {
  const { args, output } = invocation;
  const [from, to, prefix = ""] = args;
  if (from === undefined || to === undefined || args.length > 3)
    throw badArguments("diff command needs two revisions and an optional prefix");
  const revisions = [parseRevision(from), parseRevision(to)];
  const { client } = await connect(invocation);
  const style = styleOf(invocation);
  const [before, after] = revisions.map((revision) => keysUnder(client, prefix, { revision }));
  for await (const [was, is] of pairs(before!, after!)) {
    const line = lineOf(was, is, style);
    if (line !== undefined) output.line(line);
  }
}

function lineOf(was: KeyValue | undefined, is: KeyValue | undefined, style: Style): string | undefined {
  if (was === undefined) return style.added(`+ ${shown(is!.key)}\t${shown(is!.value)}`);
  if (is === undefined) return style.removed(`- ${shown(was.key)}\t${shown(was.value)}`);
  if (Buffer.compare(was.value, is.value) === 0 && was.lease === is.lease) return undefined;
  const lease = was.lease === is.lease ? "" : `\tlease ${was.lease.toString(16)} -> ${is.lease.toString(16)}`;
  return style.changed(`~ ${shown(is.key)}\t${shown(was.value)} -> ${shown(is.value)}${lease}`);
}

/** Keys of both, in their order, those that are the same together. */
async function* pairs(
  before: AsyncIterator<KeyValue, unknown>,
  after: AsyncIterator<KeyValue, unknown>,
): AsyncGenerator<[KeyValue | undefined, KeyValue | undefined], void> {
  const next = async (keys: AsyncIterator<KeyValue, unknown>): Promise<KeyValue | undefined> => {
    const { done, value } = await keys.next();
    return done === true ? undefined : (value as KeyValue);
  };
  let was = await next(before);
  let is = await next(after);
  while (was !== undefined || is !== undefined) {
    const order = was === undefined ? 1 : is === undefined ? -1 : Buffer.compare(was.key, is.key);
    yield [order <= 0 ? was : undefined, order >= 0 ? is : undefined];
    if (order <= 0) was = await next(before);
    if (order >= 0) is = await next(after);
  }
}
