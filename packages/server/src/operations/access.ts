import type { Caller } from "./caller.ts";

/** What a role of its own may be for, besides the one that may do everything. */
export const DUTIES = ["compaction", "snapshots", "members", "leases"] as const;
export type Duty = (typeof DUTIES)[number];

/** What an operation may only do for those who have the permission; each throws RequestError for others. */
export interface Needs {
  /** Of the keys of an interval, as requests name one: `rangeEnd` empty for one key, a zero byte for all from `key` on. */
  read(key: Uint8Array, rangeEnd: Uint8Array): void;
  write(key: Uint8Array, rangeEnd: Uint8Array): void;
  /** Of every key that is attached to a lease by now; administrators need not. */
  writeAttached(lease: bigint): void;
  /** As `writeAttached`, to read them. Later: there may be more keys than one turn can go through. */
  readAttached(lease: bigint): Promise<void>;
  /** Of every key that is attached to any lease. */
  readAllAttached(): Promise<void>;
  /** To have said who one is. */
  user(): void;
  administrator(): void;
  /** Whether the caller has the role for a duty, where there are such roles: refuses nobody. */
  hasDuty(duty: Duty): boolean;
  /** To be this user, or an administrator. */
  self(username: string): void;
  /** To have this role, or to be an administrator. */
  holder(role: string): void;
  /** That users and roles are still as they were when the caller's identity was established: after something was read. */
  unchanged(): void;
}

/** To be an administrator, or to have the role for this duty. */
export function needsDuty(duty: Duty, needs: Needs): void {
  if (!needs.hasDuty(duty)) needs.administrator();
}

/**
 * Who may do what. Where it is asked while an entry is applied it is decided by the replicated state alone, so that all
 * members decide alike.
 */
export interface Access {
  /** False: everybody may do everything, and nobody need ask. */
  readonly isRestricted: boolean;
  /** Valid until the next change of the state. */
  needsOf(caller: Caller): Needs;
}
