import type { KeyValue } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { styleOf } from "../terminal/style.ts";
import { type Decoding, decodedText } from "../values/decoding.ts";

/** Keys and values below each other, values as text where they are of a kind that is known. */
export function printDecoded(invocation: Invocation, kvs: readonly KeyValue[], decoding: Decoding): void {
  const { flags, output } = invocation;
  const style = styleOf(invocation);
  for (const { key, value } of kvs) {
    if (!flags.on("print-value-only")) output.line(...style.name(key));
    output.line(decodedText(value, decoding) ?? value);
  }
}
