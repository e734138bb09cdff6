import { type DeleteRangeRequest, DeleteRangeResponse, type Init } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import type { FlagValues } from "../../command-line/flag-values.ts";
import type { Output } from "../../command-line/output.ts";
import { quote } from "../../go-text/quote.ts";
import { type Printable, print } from "../output/display.ts";
import { connect } from "../session/connect.ts";
import { checkNoRangeEnd, checkPrefixOrFromKey, rangeOf } from "./key-range.ts";

/** So long there is to think better of it. */
const DELAY_MS = 2_000;

export async function run(invocation: Invocation): Promise<void> {
  const request = await deleteRequest(invocation.args, invocation.flags, invocation.output);
  const { client, display } = await connect(invocation);
  const response = await client.kv.deleteRange(request).catch((error: unknown) => {
    throw exitWith(ExitCode.ERROR, error);
  });
  await print(display, deleteResult(response));
}

export function deleteResult(
  response: DeleteRangeResponse,
): Printable & Required<Pick<Printable, "simple" | "fields">> {
  const { header, deleted, prevKvs } = response;
  return {
    message: { table: DeleteRangeResponse, value: response },
    simple(simple) {
      simple.line(String(deleted));
      simple.keyValues(prevKvs);
    },
    fields(fields) {
      fields.header(header);
      fields.plain("Deleted", deleted);
      for (const kv of prevKvs) fields.keyValue(kv, "Prev");
    },
  };
}

/** What `del` asks for, after some time to stop it where a range is easily given by mistake. Throws Exit. */
export async function deleteRequest(
  args: readonly string[],
  flags: FlagValues,
  output: Output,
): Promise<Init<DeleteRangeRequest>> {
  const [key, rangeEnd] = args;
  if (key === undefined || args.length > 2)
    throw badArguments("del command needs one argument as key and an optional argument as range_end");
  checkPrefixOrFromKey(flags);
  checkNoRangeEnd(flags, rangeEnd);
  if (rangeEnd !== undefined && !flags.on("range")) {
    output.errorLine(
      `Warning: Keys between ${quote(key)} and ${quote(rangeEnd)} will be deleted. Please interrupt the command within next 2 seconds to cancel. ` +
        "You can provide `--range` flag to avoid the delay.",
    );
    await new Promise((resolve) => setTimeout(resolve, DELAY_MS));
  }
  return { ...rangeOf(key, rangeEnd, flags), prevKv: flags.on("prev-kv") };
}
