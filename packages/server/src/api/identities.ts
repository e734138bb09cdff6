import type { ServerCall } from "@quorate/rpc/server";
import { type AuthStore, ROOT } from "../auth/auth-store.ts";
import type { Tokens } from "../auth/tokens.ts";
import { type Caller, IMPOSTOR, NOBODY } from "../operations/caller.ts";
import { commonNameOf } from "./common-name.ts";

export interface IdentitiesOptions {
  readonly auth: Pick<AuthStore, "isEnabled" | "revision">;
  readonly tokens: Tokens;
  /** Who comes without a token is whom its certificate names. */
  readonly usesCertificates: boolean;
}

/**
 * Who makes calls: found out by tokens, as long as authentication is enabled, and by certificates. These are named in entries
 * whether it is or not: it may be enabled by an entry before the one that is proposed, and then the user of a certificate is as
 * known as before.
 */
export class Identities {
  readonly #options: IdentitiesOptions;
  readonly #callers = new Callers();

  constructor(options: IdentitiesOptions) {
    this.#options = options;
  }

  /** Somebody must be somebody, or is at any rate. */
  get areNeeded(): boolean {
    return this.#options.usesCertificates || this.#options.auth.isEnabled;
  }

  /** Of a call: nothing is found out before it is asked for. */
  of(call: ServerCall): Identity {
    return new Identity(this.#options, this.#callers, call);
  }

  /** Who comes with `token`, from elsewhere. Never rejects. */
  async callerWith(token: string | undefined, signal: AbortSignal): Promise<Caller> {
    if (!this.#options.auth.isEnabled || token === undefined) return NOBODY;
    const bare = withoutScheme(token);
    if (!this.#options.tokens.isExamined(bare)) await this.#options.tokens.examine(bare, signal);
    return holderOf(this.#options, this.#callers, bare);
  }

  /** For what this member does by itself, in the name of the user that may do everything. */
  get ofMember(): Caller {
    const { isEnabled, revision } = this.#options.auth;
    return isEnabled ? this.#callers.named(ROOT, revision) : NOBODY;
  }
}

/** Who makes one call. */
export class Identity {
  readonly #options: IdentitiesOptions;
  readonly #callers: Callers;
  readonly #call: ServerCall;
  /** What the call has come with; null: that has not been looked at. */
  #sentToken: string | undefined | null = null;

  constructor(options: IdentitiesOptions, callers: Callers, call: ServerCall) {
    this.#options = options;
    this.#callers = callers;
    this.#call = call;
  }

  /** Since authentication was enabled: what there was to find out by then has been found out. */
  get wasAskedFor(): boolean {
    return this.#sentToken !== null;
  }

  /** Whether `caller` can say by now who it is. */
  get isExamined(): boolean {
    const { tokens } = this.#options;
    const token = this.#token;
    return token === undefined || tokens.isExamined(token);
  }

  /** Resolves when it can, or when the call has ended. Takes the call's `onCancel` meanwhile. */
  async examine(): Promise<void> {
    const call = this.#call;
    const ended = new AbortController();
    call.onCancel = () => ended.abort();
    const token = this.#token;
    if (token !== undefined) await this.#options.tokens.examine(token, ended.signal);
    call.onCancel = undefined;
  }

  /** At this moment: a token may cease to hold, and permissions may change, while a call goes on. */
  get caller(): Caller {
    const options = this.#options;
    const token = this.#token;
    if (token !== undefined) return holderOf(options, this.#callers, token);
    const name = options.usesCertificates ? commonNameOf(this.#call.peer.tls) : undefined;
    return name === undefined ? NOBODY : this.#callers.named(name, options.auth.revision);
  }

  /** Clients of gRPC send it as `token`, those of HTTP as `authorization`. An empty one is one, and none is looked at in vain. */
  get #token(): string | undefined {
    if (!this.#options.auth.isEnabled) return undefined;
    if (this.#sentToken === null) {
      const token = this.#call.metadata("token") ?? this.#call.metadata("authorization");
      this.#sentToken = token === undefined ? undefined : withoutScheme(token);
    }
    return this.#sentToken;
  }
}

/** One caller for all calls of a user, as long as nothing changes. */
class Callers {
  readonly #byName = new Map<string, Caller>();

  named(username: string, authRevision: number): Caller {
    const known = this.#byName.get(username);
    if (known?.authRevision === authRevision) return known;
    if (this.#byName.size >= MAX_CALLERS) this.#byName.clear();
    const caller = { username, authRevision, isImpostor: false, signal: undefined };
    this.#byName.set(username, caller);
    return caller;
  }
}

const SCHEME = "Bearer ";
/** Certificates may name anybody. */
const MAX_CALLERS = 1_024;

function withoutScheme(token: string): string {
  return token.startsWith(SCHEME) ? token.slice(SCHEME.length) : token;
}

function holderOf({ auth, tokens }: IdentitiesOptions, callers: Callers, token: string): Caller {
  const holder = tokens.holderOf(token);
  if (holder === undefined) return IMPOSTOR;
  return callers.named(holder.username, holder.authRevision ?? auth.revision);
}
