export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** The token that requests carry: fetched for a user and a password, or given. */
export class Tokens {
  /** Fetches a token; undefined when the cluster has no authentication. */
  readonly #fetch: () => Promise<string | undefined>;
  /** A given token is never replaced. */
  readonly #fixed: boolean;
  #token: string | undefined;
  #known: boolean;
  #fetching: Promise<void> | undefined;

  constructor(fixedToken: string | undefined, fetch: (() => Promise<string | undefined>) | undefined) {
    this.#token = fixedToken;
    this.#fixed = fixedToken !== undefined || fetch === undefined;
    this.#known = this.#fixed;
    this.#fetch = fetch ?? (async () => undefined);
  }

  /** Whether a refused token can be replaced by another one. */
  get renewable(): boolean {
    return !this.#fixed;
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
    if (!this.#fixed && this.#token === refused) await this.#renew();
  }

  async #renew(): Promise<void> {
    this.#fetching ??= this.#fetch()
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
