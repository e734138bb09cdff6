import type { MessageTable } from "@quorate/wire/messages";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import type { Output } from "../../command-line/output.ts";
import type { Fields } from "./fields.ts";
import type { Simple } from "./simple.ts";

const FORMATS = ["simple", "fields", "json", "protobuf", "table"] as const;
export type Format = (typeof FORMATS)[number];

/** A result in the forms in which it can be printed: one that is not there is not supported. */
export interface Printable {
  readonly simple?: (simple: Simple) => void;
  readonly fields?: (fields: Fields) => void;
  /** The message that JSON and protobuf are made of, unless they say otherwise. */
  readonly message?: { readonly table: MessageTable<unknown>; readonly value: object };
  /** Its JSON; `hex` is whether IDs are to be hexadecimal. */
  readonly json?: (hex: boolean) => string | Promise<string>;
  readonly protobuf?: { readonly table: MessageTable<unknown>; readonly value: object } | "unsupported";
  /** What is complained of in place of "protobuf not supported". */
  readonly noProtobuf?: string;
  readonly rows?: { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };
}

/** How results are printed. */
export interface Display {
  readonly format: Format;
  readonly hex: boolean;
  readonly output: Output;
}

/** Throws Exit when there is no such format. */
export function displayOf(format: string, hex: boolean, output: Output): Display {
  const known = FORMATS.find((each) => each === format);
  if (known === undefined) throw new Exit(ExitCode.BAD_FEATURE, "unsupported output format");
  return { format: known, hex, output };
}

/** Throws Exit when the result has no such form. */
export async function print(
  { format, hex, output }: Display,
  printable: Printable,
  valueOnly = false,
): Promise<void> {
  const { message } = printable;
  const protobuf = printable.protobuf === "unsupported" ? undefined : (printable.protobuf ?? message);
  if (format === "simple" && printable.simple !== undefined) {
    const { Simple } = await import("./simple.ts");
    printable.simple(new Simple(output, hex, valueOnly));
  } else if (format === "fields" && printable.fields !== undefined) {
    const { Fields } = await import("./fields.ts");
    printable.fields(new Fields(output, hex));
  } else if (format === "json" && printable.json !== undefined) {
    output.line(await printable.json(hex));
  } else if (format === "json" && message !== undefined) {
    const { messageJson } = await import("./json.ts");
    output.line(messageJson(message.table, message.value));
  } else if (format === "protobuf" && protobuf !== undefined) {
    const { encodeMessage } = await import("@quorate/wire/messages");
    output.write(encodeMessage(protobuf.table, protobuf.value));
  } else if (format === "table" && printable.rows !== undefined) {
    const { tableText } = await import("./table.ts");
    output.write(tableText(printable.rows.head, printable.rows.rows));
  } else if (format === "protobuf" && printable.noProtobuf !== undefined) {
    throw new Exit(ExitCode.BAD_FEATURE, printable.noProtobuf);
  } else {
    throw new Exit(ExitCode.BAD_FEATURE, `${format} not supported as output format`);
  }
}
