import type { TLSSocket } from "node:tls";
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
  #last: Identity | undefined = undefined;

  constructor(options: IdentitiesOptions) {
    this.#options = options;
  }

  /** Somebody must be somebody, or is at any rate. */
  get areNeeded(): boolean {
    return this.#options.usesCertificates || this.#options.auth.isEnabled;
  }

  /**
   * Of a call. As long as authentication is not enabled nothing is looked at before it is asked for. Hot: calls that follow each
   * other are often of the same client, and then they have the same object.
   */
  of(call: ServerCall): Identity {
    const options = this.#options;
    const tls = options.usesCertificates ? call.peer.tls : undefined;
    if (!options.auth.isEnabled) return new Identity(options, this.#callers, tls, call);
    const token = sentToken(call);
    const last = this.#last;
    if (last?.isOf(token, tls)) return last;
    const identity = new Identity(options, this.#callers, tls, token);
    if (token === undefined || token.length <= LONGEST_REMEMBERED_TOKEN) this.#last = identity;
    return identity;
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

/** Who makes one call, or several with the same proofs. */
export class Identity {
  readonly #options: IdentitiesOptions;
  readonly #callers: Callers;
  /** Whose certificate counts. */
  readonly #tls: TLSSocket | undefined;
  /** Of which it has not been looked at yet what it has come with, as nobody had to be anybody; undefined when it has. */
  #unseen: ServerCall | undefined;
  #sentToken: string | undefined;
  /** Who it was found to be last. */
  #caller: Caller | undefined = undefined;

  /** `sent` is a token without its scheme, if there is one; or the call, to be looked at when somebody must be somebody. */
  constructor(
    options: IdentitiesOptions,
    callers: Callers,
    tls: TLSSocket | undefined,
    sent: ServerCall | string | undefined,
  ) {
    this.#options = options;
    this.#callers = callers;
    this.#tls = tls;
    if (typeof sent === "object") this.#unseen = sent;
    else this.#sentToken = sent;
  }

  isOf(token: string | undefined, tls: TLSSocket | undefined): boolean {
    return token === this.#sentToken && tls === this.#tls && this.#unseen === undefined;
  }

  /** Since authentication was enabled: what there was to find out by then has been found out. */
  get wasAskedFor(): boolean {
    return this.#unseen === undefined;
  }

  /** Whether `caller` can say by now who it is. */
  get isExamined(): boolean {
    const { tokens } = this.#options;
    const token = this.#token;
    return token === undefined || tokens.isExamined(token);
  }

  /** Resolves when it can, or when `call` has ended, whose `onCancel` it takes meanwhile. */
  async examine(call: ServerCall): Promise<void> {
    const ended = new AbortController();
    call.onCancel = () => ended.abort();
    const token = this.#token;
    if (token !== undefined) await this.#options.tokens.examine(token, ended.signal);
    call.onCancel = undefined;
  }

  /** At this moment: a token may cease to hold, and permissions may change, while a call goes on. */
  get caller(): Caller {
    const { auth, tokens } = this.#options;
    const token = this.#token;
    if (token !== undefined) {
      const holder = tokens.holderOf(token);
      return holder === undefined
        ? IMPOSTOR
        : this.#named(holder.username, holder.authRevision ?? auth.revision);
    }
    const name = commonNameOf(this.#tls);
    return name === undefined ? NOBODY : this.#named(name, auth.revision);
  }

  #named(username: string, authRevision: number): Caller {
    const known = this.#caller;
    if (known?.authRevision === authRevision && known.username === username) return known;
    const caller = this.#callers.named(username, authRevision);
    this.#caller = caller;
    return caller;
  }

  get #token(): string | undefined {
    if (!this.#options.auth.isEnabled) return undefined;
    if (this.#unseen !== undefined) {
      this.#sentToken = sentToken(this.#unseen);
      this.#unseen = undefined;
    }
    return this.#sentToken;
  }
}

/** Clients of gRPC send it as `token`, those of HTTP as `authorization`. An empty one is one, and none is looked at in vain. */
function sentToken(call: ServerCall): string | undefined {
  const token = call.metadata("token") ?? call.metadata("authorization");
  return token === undefined ? undefined : withoutScheme(token);
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
/** Characters. Of a longer one nothing outlives the call. */
const LONGEST_REMEMBERED_TOKEN = 8_192;

function withoutScheme(token: string): string {
  return token.startsWith(SCHEME) ? token.slice(SCHEME.length) : token;
}

function holderOf({ auth, tokens }: IdentitiesOptions, callers: Callers, token: string): Caller {
  const holder = tokens.holderOf(token);
  if (holder === undefined) return IMPOSTOR;
  return callers.named(holder.username, holder.authRevision ?? auth.revision);
}
