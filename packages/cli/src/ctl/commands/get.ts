import { SortOrder, SortTarget } from "@quorate/client";
import { type Init, type RangeRequest, RangeResponse } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, Exit, ExitCode, exitWith } from "../../command-line/exit.ts";
import type { FlagValues } from "../../command-line/flag-values.ts";
import { type Display, type Printable, print } from "../output/display.ts";
import { connect, type Session } from "../session/connect.ts";
import type { Decoding } from "../values/decoding.ts";
import { checkNoRangeEnd, checkPrefixOrFromKey, isSerializable, rangeOf } from "./key-range.ts";

export async function run(invocation: Invocation): Promise<void> {
  const { flags } = invocation;
  const request = rangeRequest(invocation.args, flags);
  const decoding = await decodingFor(invocation);
  const session = await connect(invocation);
  if (decoding !== "none" && session.display.format !== "simple")
    throw badArguments("--decode is only for `--write-out=simple`");
  const response = await ask(session, request, flags.on("stream"));
  if (flags.on("count-only") && session.display.format !== "fields")
    throw badArguments("--count-only is only for `--write-out=fields`");
  if (flags.on("print-value-only") && session.display.format !== "simple")
    throw badArguments("print-value-only is only for `--write-out=simple`");
  if (decoding === "none") return printRange(session.display, response, flags.on("print-value-only"));
  const { printDecoded } = await import("./get-decoded.ts");
  printDecoded(invocation, response.kvs, decoding);
}

/** Only `quorate ctl` has the flag. */
async function decodingFor(invocation: Invocation): Promise<Decoding> {
  if (invocation.flags.byName("decode") === undefined) return "none";
  const { decodingOf } = await import("../values/decoding.ts");
  return decodingOf(invocation);
}

async function ask(
  { client }: Session,
  request: Init<RangeRequest>,
  inParts: boolean,
): Promise<RangeResponse> {
  try {
    if (!inParts) return await client.kv.range(request);
    let whole: RangeResponse | undefined;
    for await (const part of client.kv.rangeStream(request)) {
      whole =
        whole === undefined
          ? part
          : { ...part, header: part.header ?? whole.header, kvs: [...whole.kvs, ...part.kvs] };
    }
    return whole ?? EMPTY;
  } catch (error) {
    throw exitWith(ExitCode.ERROR, error);
  }
}

const EMPTY: RangeResponse = { header: undefined, kvs: [], more: false, count: 0n };

export function printRange(display: Display, response: RangeResponse, valueOnly = false): Promise<void> {
  return print(display, rangeResult(response), valueOnly);
}

export function rangeResult(
  response: RangeResponse,
): Printable & Required<Pick<Printable, "simple" | "fields">> {
  return {
    message: { table: RangeResponse, value: response },
    simple: (simple) => simple.keyValues(response.kvs),
    fields(fields) {
      fields.header(response.header);
      for (const kv of response.kvs) fields.keyValue(kv);
      fields.plain("More", response.more);
      fields.plain("Count", response.count);
    },
  };
}

const ORDERS: Readonly<Record<string, number>> = {
  "": SortOrder.NONE,
  ASCEND: SortOrder.ASCEND,
  DESCEND: SortOrder.DESCEND,
};
const TARGETS: Readonly<Record<string, number>> = {
  "": SortTarget.KEY,
  CREATE: SortTarget.CREATE,
  KEY: SortTarget.KEY,
  MODIFY: SortTarget.MOD,
  VALUE: SortTarget.VALUE,
  VERSION: SortTarget.VERSION,
};

/** What `get` asks for. Throws Exit. */
export function rangeRequest(args: readonly string[], flags: FlagValues): Init<RangeRequest> {
  const [key, rangeEnd] = args;
  if (key === undefined)
    throw badArguments("get command needs one argument as key and an optional argument as range_end");
  checkPrefixOrFromKey(flags);
  if (flags.on("keys-only") && flags.on("count-only"))
    throw badArguments("`--keys-only` and `--count-only` cannot be set at the same time, choose one");
  const serializable = isSerializable(flags.text("consistency"));
  checkNoRangeEnd(flags, rangeEnd);
  const order = choice(ORDERS, flags.text("order"), "bad sort order");
  const sortTarget = choice(TARGETS, flags.text("sort-by"), "bad sort target");
  const minCreateRevision = positive(flags, "min-create-rev");
  const maxCreateRevision = positive(flags, "max-create-rev");
  const minModRevision = positive(flags, "min-mod-rev");
  const maxModRevision = positive(flags, "max-mod-rev");
  checkOrder("CreateRev", flags.integer("min-create-rev"), maxCreateRevision);
  checkOrder("ModRev", flags.integer("min-mod-rev"), maxModRevision);
  // Keys are in this order anyway.
  const sortOrder = sortTarget === SortTarget.KEY && order === SortOrder.ASCEND ? SortOrder.NONE : order;
  return {
    ...rangeOf(key, rangeEnd, flags),
    serializable,
    limit: flags.integer("limit"),
    revision: positive(flags, "rev"),
    sortOrder,
    sortTarget,
    keysOnly: flags.on("keys-only"),
    countOnly: flags.on("count-only"),
    minCreateRevision,
    maxCreateRevision,
    minModRevision,
    maxModRevision,
  };
}

function choice(choices: Readonly<Record<string, number>>, given: string, complaint: string): number {
  const chosen = choices[given.toUpperCase()];
  if (chosen === undefined) throw new Exit(ExitCode.BAD_FEATURE, `${complaint} ${given}`);
  return chosen;
}

function positive(flags: FlagValues, name: string): bigint {
  const value = flags.integer(name);
  return value > 0n ? value : 0n;
}

function checkOrder(what: string, min: bigint, max: bigint): void {
  if (max > 0n && min > max)
    throw new Exit(ExitCode.BAD_FEATURE, `getMin${what}(=${min}) > getMax${what}(=${max})`);
}
