export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** What the token was fetched for is over. */
const OUTDATED: ReadonlySet<string> = new Set([
  "etcdserver: invalid auth token",
  "etcdserver: revision of auth store is old",
]);
const NO_USER = "etcdserver: user name is empty";

/** The token that requests carry: fetched for a user and a password, or given. */
export class Tokens {
  /** Fetches a token; undefined when the cluster has no authentication. */
  readonly #fetch: (() => Promise<string | undefined>) | undefined;
  /** It was given, and is never replaced. */
  readonly #given: boolean;
  #token: string | undefined;
  #known: boolean;
  #fetching: Promise<void> | undefined;

  constructor(fixedToken: string | undefined, fetch: (() => Promise<string | undefined>) | undefined) {
    this.#token = fixedToken;
    this.#given = fixedToken !== undefined;
    this.#fetch = this.#given ? undefined : fetch;
    this.#known = this.#fetch === undefined;
  }

  /** Whether a refused token can be replaced by another one. */
  get renewable(): boolean {
    return this.#fetch !== undefined;
  }

  /**
   * Whether a call that was refused with this text may do better, once {@link replace} has been called. Without a user and a
   * password it is made as it was: a user who is known by a certificate meets a change of users and roles so.
   */
  mayDoBetter(details: string): boolean {
    return !this.#given && (OUTDATED.has(details) || (details === NO_USER && this.renewable));
  }

  get current(): string | undefined {
    return this.#token;
  }

  /** Resolves at once when there is a token, or none is needed. */
  async ready(): Promise<void> {
    if (!this.#known) await this.#renew();
  }

  /** Replaces `refused`, unless somebody else has done so since. Several callers share one request. */
  async replace(refused: string | undefined): Promise<void> {
    if (this.renewable && this.#token === refused) await this.#renew();
  }

  async #renew(): Promise<void> {
    this.#fetching ??= this.#fetch!()
      .then((token) => {
        this.#token = token;
        this.#known = true;
      })
      .finally(() => {
        this.#fetching = undefined;
      });
    await this.#fetching;
  }
}
