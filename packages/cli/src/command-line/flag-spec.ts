export type FlagKind = "string" | "bool" | "int" | "int64" | "uint" | "duration" | "strings";

export interface FlagSpec {
  readonly name: string;
  readonly short?: string;
  readonly kind: FlagKind;
  /** As it would be given. */
  readonly byDefault: string;
  readonly help: string;
}

export function flag(
  name: string,
  kind: FlagKind,
  byDefault: string,
  help: string,
  short?: string,
): FlagSpec {
  return { name, kind, byDefault, help, ...(short !== undefined && { short }) };
}

/** A switch that is off by default. */
export function toggle(name: string, help: string, short?: string): FlagSpec {
  return flag(name, "bool", "false", help, short);
}
