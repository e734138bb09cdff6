import { FLAGS } from "./flag-table.ts";
import type { FlagValue } from "./flag-values.ts";
import type { ParsedFlags } from "./parse-flags.ts";

/** Typed access to the value of each flag. */
export class FlagReader {
  readonly #parsed: ParsedFlags;
  constructor(parsed: ParsedFlags) {
    this.#parsed = parsed;
  }
  string(name: string): string {
    return this.#parsed.values.get(name) as string;
  }
  number(name: string): number {
    return this.#parsed.values.get(name) as number;
  }
  boolean(name: string): boolean {
    return this.#parsed.values.get(name) as boolean;
  }
  list(name: string): readonly string[] {
    return this.#parsed.values.get(name) as readonly string[];
  }
  get isFromFile(): boolean {
    return this.#parsed.isFromFile;
  }
  /** Whether it was given a value, be it the default. */
  isGiven(name: string): boolean {
    return this.#parsed.explicit.has(name);
  }
  /** Whether it was given a value other than its default. */
  isSet(name: string): boolean {
    return (
      this.#parsed.explicit.has(name) &&
      !isDefault(this.#parsed.values.get(name)!, FLAGS.get(name)!.defaultText)
    );
  }
}

function isDefault(value: FlagValue, defaultText: string): boolean {
  return (Array.isArray(value) ? value.join(",") : String(value)) === defaultText;
}
