import { decode, METHODS, OWN_METHODS } from "@quorate/wire";
import { type CheckRequest, CheckRequestSchema } from "@quorate/wire/quorate";
import type { Needs } from "../operations/access.ts";
import { cutText } from "./cut-text.ts";
import { needsOfContention } from "./needs-of-contention.ts";
import { needsOfRequests } from "./needs-of-requests.ts";

/** Keys that a request would read or write; `rangeEnd` as requests have it, empty for one key. */
export interface TouchedKeys {
  readonly kind: "read" | "write";
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** What a request is about. All bytes are its own. */
export interface Touched {
  readonly keys: readonly TouchedKeys[];
  /** Further keys that are not named. */
  readonly moreKeys: number;
  readonly lease: bigint | undefined;
  /** What else it names: users, roles, members, revisions and what is to be done. */
  readonly subject: Readonly<Record<string, unknown>>;
}

/** Of transactions, which may name very many. */
const MAX_TOUCHED_KEYS = 16;
/** Of a list that a request names, such as the URLs of a member. */
const MAX_SUBJECT_TEXTS = 8;
/** Fields of requests that are no secret, and say what becomes of what. */
const NAMED = [
  "name",
  "user",
  "role",
  "ID",
  "memberID",
  "targetID",
  "peerURLs",
  "isLearner",
  "action",
  "alarm",
  "version",
];
/** Of them a request has nothing but keys, or a lease. */
const OF_KEYS = /^\/etcdserverpb\.(?:KV\/(?!Compact)|Watch\/|Lease\/)/;

/** What a request to a method is about: by the same rules by which it is judged who may make it. */
export function touchedBy(path: string, request: Uint8Array): Touched {
  const seen = new SeenNeeds();
  const needs = { here: seen, applied: seen };
  try {
    void needsOfRequests(path)?.(request, needs);
    needsOfContention(path)?.(request, seen);
    return { ...seen.all, subject: OF_KEYS.test(path) ? {} : subjectOf(path, request) };
  } catch {
    // What is no request touches nothing: its call fails for it.
    return { ...seen.all, subject: {} };
  }
}

function subjectOf(path: string, request: Uint8Array): Record<string, unknown> {
  const method = METHODS.get(path) ?? OWN_METHODS.get(path);
  if (method === undefined) return {};
  const fields = decode(method.request, request) as unknown as Record<string, unknown>;
  const subject: Record<string, unknown> = {};
  for (const name of NAMED) {
    const value = fields[name];
    if (value === undefined || value === "" || value === 0n || value === 0 || value === false) continue;
    // Names of locks and elections are keys, and named as such; and they are borrowed.
    if (value instanceof Uint8Array) continue;
    subject[name] = namedOf(value);
  }
  if (method.request === CheckRequestSchema) subject.asked = askedOf(fields as unknown as CheckRequest);
  if (typeof fields.revision === "bigint") subject.revision = String(fields.revision);
  return subject;
}

function namedOf(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString(16);
  if (typeof value === "string") return cutText(value);
  if (!Array.isArray(value)) return value;
  const named = value.slice(0, MAX_SUBJECT_TEXTS).map(namedOf);
  return value.length > named.length ? [...named, `and ${value.length - named.length} more`] : named;
}

/** Which kind of request a question is about, or the path of a method. */
function askedOf({ request }: CheckRequest): string | undefined {
  return request.case === "method" ? cutText(request.value) : request.case;
}

/** Writes down what is needed, and refuses nothing. */
class SeenNeeds implements Needs {
  readonly #keys: TouchedKeys[] = [];
  #moreKeys = 0;
  #lease: bigint | undefined;

  get all(): Omit<Touched, "subject"> {
    return { keys: this.#keys, moreKeys: this.#moreKeys, lease: this.#lease };
  }

  read(key: Uint8Array, rangeEnd: Uint8Array): void {
    this.#touch("read", key, rangeEnd);
  }

  write(key: Uint8Array, rangeEnd: Uint8Array): void {
    this.#touch("write", key, rangeEnd);
  }

  writeAttached(lease: bigint): void {
    this.#lease = lease;
  }

  async readAttached(lease: bigint): Promise<void> {
    this.#lease = lease;
  }

  async readAllAttached(): Promise<void> {}
  user(): void {}
  administrator(): void {}
  self(): void {}
  holder(): void {}
  unchanged(): void {}

  hasDuty(): boolean {
    return false;
  }

  #touch(kind: TouchedKeys["kind"], key: Uint8Array, rangeEnd: Uint8Array): void {
    if (this.#keys.length === MAX_TOUCHED_KEYS) this.#moreKeys++;
    else this.#keys.push({ kind, key: key.slice(), rangeEnd: rangeEnd.slice() });
  }
}
