import { RequestError } from "../errors.ts";

/** Who a token is of. */
export interface TokenHolder {
  readonly username: string;
  /** Revision of the permissions that the token was made at; undefined: it holds for whichever is in force. */
  readonly authRevision: number | undefined;
}

/** A token that an entry of the log has given to a user. */
export interface IssuedToken {
  readonly username: string;
  /** Chance of the proposer's, in the entry. */
  readonly prefix: string;
  /** Of the entry before its own: by that members of etcd call it, too, and all must know the same token. */
  readonly index: number;
  /** Of the permissions, when it was applied. */
  readonly authRevision: number;
}

/** One kind of tokens, as a member makes and knows them. What is kept of them is in memory only. */
export interface Tokens {
  /** Chance for a token that is to be proposed. */
  newPrefix(): string;
  /** An entry that is applied gives a token to a user: on every member. */
  assigned(token: IssuedToken): void;
  /** The token itself, for who asked this member for it. Rejects with RequestError. */
  issue(token: IssuedToken): Promise<string>;
  /** Whether `holderOf` can say by now what there is to be said of a token. */
  isExamined(token: string): boolean;
  /** Finds it out. Never rejects, and does not go on when `signal` has fired. */
  examine(token: string, signal: AbortSignal): Promise<void>;
  /** Asked whenever the token is used: undefined when it proves nothing, or no longer. */
  holderOf(token: string): TokenHolder | undefined;
  /** The tokens of a user hold no longer. */
  dropUser(username: string): void;
  /** No token holds any longer. */
  dropAll(): void;
}

/** The kind that there is without one: nobody gets a token, and no token is one. */
export const NO_TOKENS: Tokens = {
  newPrefix: () => "",
  assigned: () => {},
  issue: () => Promise.reject(new RequestError("AUTH_FAILED")),
  isExamined: () => true,
  examine: () => Promise.resolve(),
  holderOf: () => undefined,
  dropUser: () => {},
  dropAll: () => {},
};
