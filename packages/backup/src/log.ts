/** A line about what is being done. Fields are facts: never values of keys, passwords or keys. */
export type Log = (
  level: "info" | "warn" | "error",
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;
