import type { MessageTable, ResponseHeader } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments } from "../../command-line/exit.ts";
import type { Printable } from "../output/display.ts";

/** Requests about users and roles wait until the server answers. */
export const NO_DEADLINE = { timeoutMs: Number.POSITIVE_INFINITY };

/** The only argument. Throws Exit. */
export function oneName({ args }: Invocation, complaint: string): string {
  if (args.length !== 1) throw badArguments(complaint);
  return args[0]!;
}

/** Of a change that was made: there is nothing to say but so. */
export function changeResult(
  table: MessageTable<unknown>,
  response: { readonly header: ResponseHeader | undefined },
  text: string,
): Printable {
  return {
    message: { table, value: response },
    simple: (simple) => simple.line(text),
    fields: (fields) => fields.header(response.header),
  };
}
