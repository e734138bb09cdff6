/** How a flag's text becomes a value. Numbers are named as the types of Go that have their range. */
export type FlagKind =
  | "string"
  | "bool"
  | "int"
  | "int64"
  | "uint"
  | "uint32"
  | "uint64"
  /** Kept in milliseconds. In a file it is a whole number of nanoseconds. */
  | "duration"
  /** In a file it is a list. */
  | "list"
  /** Sorted and without repetition. */
  | "set"
  | "urls"
  /** URLs, or `*` alone. */
  | "origins"
  /** `Name=true|false`, of which each mention of the flag adds some. */
  | "gates";

/** Where a configuration file has a setting: the names of the sections that it lies in, and its own. */
export type FileKey = readonly string[];

export interface FlagDefinition {
  readonly name: string;
  readonly kind: FlagKind;
  /** The default, as it would be typed. */
  readonly defaultText: string;
  readonly help: string;
  /** Why there is nothing here that it could change, which one warning says; absent when it has its effect. */
  readonly reason?: string;
  /** The only values it may have, or of which a list may consist; undefined: any. */
  readonly choices?: readonly string[];
  /** undefined: a file cannot say it. */
  readonly fileKey: FileKey | undefined;
}

export interface FlagSection {
  readonly title: string;
  readonly flags: readonly FlagDefinition[];
}

export interface FlagOptions {
  readonly reason?: string;
  readonly choices?: readonly string[];
  /** Default: the flag's name. */
  readonly file?: "none" | FileKey;
}

export function flag(
  name: string,
  kind: FlagKind,
  defaultText: string,
  help: string,
  { reason, choices, file = [name] }: FlagOptions = {},
): FlagDefinition {
  return {
    name,
    kind,
    defaultText,
    help,
    ...(reason === undefined ? {} : { reason }),
    ...(choices === undefined ? {} : { choices }),
    fileKey: file === "none" ? undefined : file,
  };
}

/** The variable that stands for a flag. */
export function variableOf(flagName: string): string {
  return `ETCD_${flagName.toUpperCase().replaceAll("-", "_")}`;
}
