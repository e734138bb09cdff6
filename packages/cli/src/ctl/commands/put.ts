import { type Init, type PutRequest, PutResponse } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import type { FlagValues } from "../../command-line/flag-values.ts";
import { NumberError, parseInt64 } from "../../go-text/parse-number.ts";
import { type Printable, print } from "../output/display.ts";
import { connect } from "../session/connect.ts";

export async function run(invocation: Invocation): Promise<void> {
  const request = await putRequest(invocation.args, invocation.flags, () => invocation.input.rest());
  const { client, display } = await connect(invocation);
  const response = await client.kv.put(request).catch((error: unknown) => {
    throw exitWith(ExitCode.ERROR, error);
  });
  await print(display, putResult(response));
}

export function putResult(response: PutResponse): Printable & Required<Pick<Printable, "simple" | "fields">> {
  const { header, prevKv } = response;
  return {
    message: { table: PutResponse, value: response },
    simple(simple) {
      simple.line("OK");
      if (prevKv !== undefined) simple.keyValue(prevKv);
    },
    fields(fields) {
      fields.header(header);
      fields.keyValue(prevKv, "Prev");
    },
  };
}

const NEEDS = "put command needs 1 argument and input from stdin or 2 arguments";

/** What `put` asks for; the value comes from `readInput` when there is none. Throws Exit. */
export async function putRequest(
  args: readonly string[],
  flags: FlagValues,
  readInput: () => Promise<Uint8Array>,
): Promise<Init<PutRequest>> {
  const [key, given] = args;
  if (key === undefined) throw badArguments(NEEDS);
  const ignoreValue = flags.on("ignore-value");
  if (ignoreValue && given !== undefined)
    throw badArguments("put command needs only 1 argument when 'ignore-value' is set");
  let value: Uint8Array | string = "";
  if (!ignoreValue) {
    value = given ?? (await readInput());
    if (given === undefined && value.length === 0) throw badArguments(NEEDS);
  }
  return {
    key,
    value,
    lease: leaseOf(flags.text("lease")),
    prevKv: flags.on("prev-kv"),
    ignoreValue,
    ignoreLease: flags.on("ignore-lease"),
  };
}

function leaseOf(text: string): bigint {
  try {
    return parseInt64(text, 16);
  } catch (error) {
    if (!(error instanceof NumberError)) throw error;
    throw badArguments(`bad lease ID (${error.message}), expecting ID in Hex`);
  }
}
