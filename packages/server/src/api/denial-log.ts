import type { Clock } from "@quorate/storage/seams/clock";
import { FAILURES, type FailureCode } from "../errors.ts";
import type { Logger } from "../log/logger.ts";
import type { CallObserver, CallReport } from "./observed-calls.ts";

const DENIALS = [
  "PERMISSION_DENIED",
  "USER_NAME_EMPTY",
  "INVALID_AUTH_TOKEN",
  "AUTH_OLD_REVISION",
  "AUTH_FAILED",
] as const satisfies readonly FailureCode[];
type Denial = (typeof DENIALS)[number];

const BY_TEXT: ReadonlyMap<string, Denial> = new Map(DENIALS.map((denial) => [FAILURES[denial][1], denial]));
/** Further ones of a second are only counted. */
const MAX_LINES_A_SECOND = 10;

/** Who was refused what: counted, and logged as far as that is not too much. Keys are secrets, and not named. */
export class DenialLog implements CallObserver {
  /** By reason, as metrics name it. */
  readonly counts: Record<Lowercase<Denial>, number> = {
    permission_denied: 0,
    user_name_empty: 0,
    invalid_auth_token: 0,
    auth_old_revision: 0,
    auth_failed: 0,
  };
  readonly #clock: Clock;
  readonly #log: Logger;
  #secondBeganMs = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #notLogged = 0;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  wants(status: CallReport<unknown>["status"]): boolean {
    return denialOf(status) !== undefined;
  }

  ended({ path, caller, certificate, address, status }: CallReport<unknown>): void {
    const denial = denialOf(status);
    if (denial === undefined) return;
    this.counts[denial.toLowerCase() as Lowercase<Denial>]++;
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#secondBeganMs >= 1_000) {
      this.#secondBeganMs = nowMs;
      this.#lines = 0;
    }
    if (this.#lines === MAX_LINES_A_SECOND) {
      this.#notLogged++;
      return;
    }
    this.#lines++;
    this.#log.warn("a request was denied", {
      user: caller.username,
      certificate,
      "remote-addr": address,
      method: path,
      reason: status![1],
      ...(this.#notLogged === 0 ? {} : { "denials-not-logged": this.#notLogged }),
    });
    this.#notLogged = 0;
  }
}

function denialOf(status: CallReport<unknown>["status"]): Denial | undefined {
  return status === undefined ? undefined : BY_TEXT.get(status[1]);
}
