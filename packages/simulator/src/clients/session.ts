import { decode, encode } from "@quorate/wire";
import { AuthenticateRequestSchema, AuthenticateResponseSchema } from "@quorate/wire/etcdserverpb";
import type { Machine } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import type { Accounts } from "./accounts.ts";
import { CallError, call } from "./calls.ts";

/** One unary call of a user, and what it was told. Indexes are of log entries. */
export interface UserCall {
  readonly user: string;
  readonly token: string | undefined;
  /** `KV/Put`. */
  readonly method: string;
  readonly request: Uint8Array;
  readonly member: string;
  /** Of a login: with what. */
  readonly password: string | undefined;
  /** Had been applied by somebody before the call began; and by the member that was asked. */
  readonly floorIndex: number;
  readonly memberIndex: number;
  /** Had been applied by nobody when it ended. Undefined while it has not. */
  endIndex: number | undefined;
  /** Empty: it succeeded. */
  error: string | undefined;
  /** Of a login: what it gave. */
  given: string | undefined;
  /** The member had taken this token so many milliseconds before the end; undefined: not since it started or got a snapshot. */
  usedMs: number | undefined;
}

const NOT_ENABLED = "etcdserver: authentication is not enabled";
const FAILED = "etcdserver: authentication failed, invalid user ID or password";
const LOGIN_MS = 8_000;
/** What a new token helps against. */
const TOKEN_ERRORS = [
  "etcdserver: user name is empty",
  "etcdserver: invalid auth token",
  "etcdserver: revision of auth store is old",
];

/** How far the members are: indexes of entries that somebody was seen to have applied, or has begun to apply. */
interface Progress {
  readonly lastIndex: number;
  readonly begunIndex: number;
}

/** Whom clients act for: a user, who asks for a token when one is needed, as clients of etcd do. */
export class Session {
  readonly user: string;
  readonly calls: UserCall[] = [];
  readonly #world: World;
  readonly #accounts: Accounts;
  readonly #progress: Progress;
  #token: string | undefined;
  #needsToken = false;
  /** By machine, those that are under way. */
  readonly #underWay = new Map<Machine, Promise<void>>();
  /**
   * When a member has last taken the token, by the index of its store, which lives until a snapshot replaces it: changes of
   * users that it was sent with that may have cost it its tokens. World milliseconds.
   */
  #used = new WeakMap<object, number>();

  constructor(world: World, user: string, accounts: Accounts, progress: Progress) {
    this.#world = world;
    this.user = user;
    this.#accounts = accounts;
    this.#progress = progress;
  }

  /** The token that a call at `machine` goes with, after a login there if need be. Rejects with `CallError`. */
  async tokenFor(machine: Machine): Promise<string | undefined> {
    if (this.#needsToken) {
      let login = this.#underWay.get(machine);
      if (login === undefined) {
        login = this.#login(machine).finally(() => this.#underWay.delete(machine));
        this.#underWay.set(machine, login);
      }
      await login;
    }
    return this.#token;
  }

  /** A call with `token` was refused with this message. */
  refused(token: string | undefined, message: string): void {
    if (isOfToken(message) && token === this.#token) this.#needsToken = true;
  }

  /** A call that is refused for its token is made once more, with a new one. */
  async call(machine: Machine, method: string, request: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const token = await this.tokenFor(machine);
    try {
      return await this.#made(machine, method, request, timeoutMs, token);
    } catch (error) {
      if (!(error instanceof CallError && isOfToken(error.message))) throw error;
      return this.#made(machine, method, request, timeoutMs, await this.tokenFor(machine));
    }
  }

  /** With whatever may be the user's password, until one is right. */
  async #login(machine: Machine): Promise<void> {
    let failure: CallError | undefined;
    for (const password of this.#accounts.passwordsOf(this.user)) {
      failure = await this.#loginWith(password, machine);
      if (failure?.message !== FAILED) break;
    }
    // What it was needed for has not been asked for.
    if (failure !== undefined) throw new CallError(failure.code, `login: ${failure.message}`, true);
  }

  async #loginWith(password: string, machine: Machine): Promise<CallError | undefined> {
    const request = encode(AuthenticateRequestSchema, { name: this.user, password });
    try {
      const answer = await this.#made(machine, "Auth/Authenticate", request, LOGIN_MS, undefined, password);
      this.#token = decode(AuthenticateResponseSchema, answer).token;
      this.#used = new WeakMap();
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      if (error.message !== NOT_ENABLED) return error;
      this.#token = undefined;
    }
    this.#needsToken = false;
    return undefined;
  }

  async #made(
    machine: Machine,
    method: string,
    request: Uint8Array,
    timeoutMs: number,
    token: string | undefined,
    password?: string,
  ): Promise<Uint8Array> {
    const world = this.#world;
    const { process } = machine;
    const state = process?.parts?.store.state.index;
    const isSameState = () => state !== undefined && state === process?.parts?.store.state.index;
    const lastUsedMs = state && this.#used.get(state);
    const made: UserCall = {
      user: this.user,
      token,
      method,
      request,
      member: machine.name,
      password,
      floorIndex: this.#progress.lastIndex,
      memberIndex: process?.parts?.consensus.appliedIndex ?? 0,
      endIndex: undefined,
      error: undefined,
      given: undefined,
      usedMs: undefined,
    };
    this.calls.push(made);
    try {
      const answer = await call(world, machine, `/etcdserverpb.${method}`, request, timeoutMs, token);
      made.error = "";
      if (token === this.#token && isSameState()) this.#used.set(state!, world.time.nowMs);
      if (password !== undefined) made.given = decode(AuthenticateResponseSchema, answer).token;
      return answer;
    } catch (error) {
      if (error instanceof CallError) {
        made.error = error.message;
        this.refused(token, error.message);
      }
      throw error;
    } finally {
      made.endIndex = this.#progress.begunIndex;
      if (lastUsedMs !== undefined && isSameState()) made.usedMs = world.time.nowMs - lastUsedMs;
    }
  }
}

function isOfToken(message: string): boolean {
  return TOKEN_ERRORS.some((text) => message.includes(text));
}
