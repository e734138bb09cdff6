import type { LogFields, Logger } from "@quorate/server/simulation";
import type { Moment, MomentListener } from "./moments.ts";

/** What tells whether a run met what it should meet. */
const COUNTED = new Set([
  "applied snapshot",
  "Recovering from snapshot backend",
  "restarting a member",
  "leadership changed",
  "repaired the log after a torn write",
]);

/** What a member says when much is in flux. */
const TELLING: ReadonlyMap<string, Moment> = new Map([
  ["finished defragmentation", "maintenance"],
  ["finished scheduled compaction", "maintenance"],
  ["saved snapshot to disk", "maintenance"],
  ["applied snapshot", "snapshot-install"],
  ["Recovering from snapshot backend", "start"],
  ["applied a configuration change to the membership", "membership"],
  ["bootstrapping a new member", "start"],
]);

/** What a log of a member tells the world. */
export interface LogReader extends MomentListener {
  /** The process that writes it does something. May throw. */
  step(): void;
  count(what: string): void;
  note(what: string): void;
}

/** A member's log as lines of the run's trace. */
export function memberLog(world: LogReader, name: string, address: string): Logger {
  const write = (message: string, fields: LogFields = {}) => {
    world.step();
    if (COUNTED.has(message)) world.count(message);
    const moment = TELLING.get(message);
    if (moment !== undefined) world.moment(address, moment);
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
