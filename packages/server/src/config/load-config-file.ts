import type { ParsedFlags } from "./parse-flags.ts";

/** What the configuration file at `path` says. Its reader is loaded when there is one. Rejects with `ConfigError`. */
export async function readConfigFile(path: string): Promise<ParsedFlags> {
  return (await import("./config-file.ts")).readConfigFile(path);
}
