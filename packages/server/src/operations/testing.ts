import { RestlessClock } from "@quorate/testkit/clock";
import { AlarmStore } from "../alarm/alarm-store.ts";
import { AuthStore } from "../auth/auth-store.ts";
import { NO_TOKENS } from "../auth/tokens.ts";
import { Membership } from "../cluster/membership.ts";
import { type FailureCode, RequestError } from "../errors.ts";
import { Lessor } from "../lease/lessor.ts";
import type { MvccStoreOptions } from "../mvcc/store.ts";
import { memoryBackend, openStore } from "../mvcc/testing.ts";
import type { Access, Duty, Needs } from "./access.ts";
import type { Caller } from "./caller.ts";
import { OPEN_ACCESS } from "./open-access.testing.ts";
import type { ReplicatedState } from "./state.ts";

/** The state of a member that is alone, with lease 7. */
export async function newState(
  access: Access = OPEN_ACCESS,
  options: Partial<MvccStoreOptions> = {},
): Promise<ReplicatedState> {
  const backend = memoryBackend();
  const store = await openStore(backend, options);
  const lessor = new Lessor({
    clock: new RestlessClock(),
    backend,
    proposals: { proposeRevoke: () => {}, proposeCheckpoint: async () => {} },
    minimumTtlSeconds: 1,
    electionTimeoutMs: 1_000,
    requestTimeoutMs: 7_000,
    checkpoints: false,
    hashSeed: 1,
  });
  lessor.applyGrant(7n, 100);
  const membership = new Membership(backend, 1n, 1n);
  const auth = new AuthStore(backend);
  return {
    backend,
    store,
    lessor,
    membership,
    alarms: new AlarmStore(backend),
    auth,
    tokens: NO_TOKENS,
    access,
  };
}

/** Writes down what is needed, in words; `refuse` says what is not granted. */
export function recordedNeeds(
  needed: string[],
  refuse: (need: string) => boolean = () => false,
  hasDuty: (duty: Duty) => boolean = () => false,
): Needs {
  const text = (key: Uint8Array) => Buffer.from(key).toString("latin1").replaceAll("\0", "\\0");
  const need = (words: string) => {
    needed.push(words);
    if (refuse(words)) throw new RequestError("CANCELED");
  };
  return {
    read: (key, rangeEnd) => need(`read [${text(key)},${text(rangeEnd)})`),
    write: (key, rangeEnd) => need(`write [${text(key)},${text(rangeEnd)})`),
    writeAttached: (lease) => need(`write what is attached to ${lease}`),
    readAttached: async (lease) => need(`read what is attached to ${lease}`),
    readAllAttached: async () => need("read what is attached to any lease"),
    user: () => need("a user"),
    administrator: () => need("an administrator"),
    hasDuty,
    self: (username) => need(`to be ${username}`),
    holder: (role) => need(`role ${role}`),
    unchanged: () => need("no change"),
  };
}

/** Grants everything to `username` and nothing to anybody else. Refuses with CANCELED, which nothing else does here. */
export class OneUser implements Access {
  readonly isRestricted = true;
  readonly username: string;
  readonly asked: Caller[] = [];
  readonly needed: string[] = [];

  constructor(username: string) {
    this.username = username;
  }

  needsOf(caller: Caller): Needs {
    this.asked.push(caller);
    return recordedNeeds(this.needed, () => caller.username !== this.username);
  }
}

/** The code that `run` is refused with. */
export async function refusalOf(run: () => unknown): Promise<FailureCode | "none"> {
  try {
    await run();
    return "none";
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return error.code;
  }
}
