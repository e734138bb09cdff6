import type { KeyValue } from "@quorate/wire/messages";
import type { Output } from "../../command-line/output.ts";

/** The form for people: a key and a value are a line each. */
export class Simple {
  readonly output: Output;
  readonly #hex: boolean;
  readonly #valueOnly: boolean;

  constructor(output: Output, hex: boolean, valueOnly: boolean) {
    this.output = output;
    this.#hex = hex;
    this.#valueOnly = valueOnly;
  }

  line(...parts: readonly (string | Uint8Array)[]): void {
    this.output.line(...parts);
  }

  keyValue({ key, value }: Pick<KeyValue, "key" | "value">): void {
    if (!this.#valueOnly) this.line(this.#shown(key));
    this.line(this.#shown(value));
  }

  keyValues(kvs: readonly KeyValue[]): void {
    for (const kv of kvs) this.keyValue(kv);
  }

  rows(rows: readonly (readonly string[])[]): void {
    for (const row of rows) this.line(row.join(", "));
  }

  #shown(bytes: Uint8Array): string | Uint8Array {
    return this.#hex ? Buffer.from(bytes).toString("hex").replace(/../g, "\\x$&") : bytes;
  }
}
