import { FAILURES } from "../errors.ts";

/** What a request to the key space can fail with; all of these are normal results, the same on every member. */
export type KvFailureCode =
  | "KEY_NOT_PROVIDED"
  | "KEY_NOT_FOUND"
  | "VALUE_PROVIDED"
  | "LEASE_PROVIDED"
  | "LEASE_NOT_FOUND"
  | "TOO_MANY_OPS"
  | "DUPLICATE_KEY"
  | "INVALID_SORT_OPTION"
  | "STREAM_CUSTOM_SORT"
  | "STREAM_FILTERS"
  | "CANCELED"
  | "STOPPED"
  | "COMPACTED"
  | "FUTURE_REVISION";

/** `code` is stable; `message` is etcd's text. */
export class KvError extends Error {
  readonly code: KvFailureCode;
  constructor(code: KvFailureCode) {
    super(FAILURES[code][1]);
    this.name = "KvError";
    this.code = code;
  }
}
