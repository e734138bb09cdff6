import type { LogFields, Logger } from "@quorate/server/simulation";
import type { World } from "./world.ts";

/** A member's log as lines of the run's trace. */
export function memberLog(world: World, name: string): Logger {
  const write = (message: string, fields: LogFields = {}) => {
    world.note(`${name}: ${message} ${describe(fields)}`);
  };
  const log: Logger = {
    debug() {},
    info: write,
    warn: write,
    error: write,
    fatal: write,
    for: () => log,
  };
  return log;
}

function describe(fields: LogFields): string {
  return JSON.stringify(fields, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString(16) : value,
  );
}
