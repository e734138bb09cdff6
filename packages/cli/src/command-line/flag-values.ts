import { parseDuration } from "../go-text/duration.ts";
import { parseBool, parseInt64, parseUint64 } from "../go-text/parse-number.ts";
import type { FlagKind, FlagSpec } from "./flag-spec.ts";

type Value = string | boolean | bigint | number | readonly string[];

/** The flags that a command knows, and their values. */
export class FlagValues {
  readonly specs: readonly FlagSpec[];
  readonly #values = new Map<string, Value>();
  readonly #changed = new Set<string>();

  constructor(specs: readonly FlagSpec[]) {
    this.specs = specs;
    for (const { name, kind, byDefault } of specs) this.#values.set(name, read(kind, byDefault));
  }

  byName(name: string): FlagSpec | undefined {
    return this.specs.find((spec) => spec.name === name);
  }

  byShort(short: string): FlagSpec | undefined {
    return this.specs.find((spec) => spec.short === short);
  }

  /** A list that is given again is continued; anything else is replaced. Throws Error with what is wrong with `text`. */
  set(spec: FlagSpec, text: string): void {
    const value = read(spec.kind, text);
    const continued = spec.kind === "strings" && this.#changed.has(spec.name);
    this.#values.set(
      spec.name,
      continued ? [...this.list(spec.name), ...(value as readonly string[])] : value,
    );
    this.#changed.add(spec.name);
  }

  /** Whether it was given, on the command line or by the environment. */
  changed(name: string): boolean {
    return this.#changed.has(name);
  }

  text(name: string): string {
    return this.#values.get(name) as string;
  }

  on(name: string): boolean {
    return this.#values.get(name) as boolean;
  }

  integer(name: string): bigint {
    return this.#values.get(name) as bigint;
  }

  /** Milliseconds. */
  duration(name: string): number {
    return this.#values.get(name) as number;
  }

  list(name: string): readonly string[] {
    return this.#values.get(name) as readonly string[];
  }
}

function read(kind: FlagKind, text: string): Value {
  switch (kind) {
    case "string":
      return text;
    case "bool":
      return parseBool(text);
    case "int":
    case "int64":
      return parseInt64(text, 0);
    case "uint":
      return parseUint64(text, 0);
    case "duration":
      return parseDuration(text);
    case "strings":
      return text === "" ? [] : text.split(",");
  }
}
