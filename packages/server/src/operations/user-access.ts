import { costOf, type Steps } from "@quorate/storage/slices";
import type { AuthStore, GrantedKeys } from "../auth/auth-store.ts";
import { type FailureCode, RequestError } from "../errors.ts";
import type { KeysMark, Lessor } from "../lease/lessor.ts";
import type { Access, Duty, Needs } from "./access.ts";
import type { Caller } from "./caller.ts";
import { NO_RANGE_END } from "./keys.ts";

/** What the names of roles for duties begin with. To etcd they are roles like any other. */
export const DUTY_ROLE_PREFIX = "quorate:";
const CHECKS_BETWEEN_YIELDS = 256;
const MAX_MARKS = 4_096;

/**
 * Who may do what where there are users: by the replicated users and roles alone. `knowsDuties` is for what one member decides
 * by itself, before anything is proposed: entries are judged alike by members that do not know of duties.
 */
export class UserAccess implements Access {
  readonly #auth: AuthStore;
  readonly #judged: Judged;

  constructor(auth: AuthStore, lessor: Lessor, knowsDuties = false) {
    this.#auth = auth;
    this.#judged = { auth, lessor, writable: new WritableLeases(auth), knowsDuties };
  }

  get isRestricted(): boolean {
    return this.#auth.isEnabled;
  }

  /** Hot: for each operation, twice for some. */
  needsOf(caller: Caller): Needs {
    if (caller.isImpostor) throw new RequestError("INVALID_AUTH_TOKEN");
    return new NeedsOfUser(this.#judged, caller);
  }
}

/** By what users are judged: the same for all of them. */
interface Judged {
  readonly auth: AuthStore;
  readonly lessor: Lessor;
  readonly writable: WritableLeases;
  readonly knowsDuties: boolean;
}

/**
 * Up to where the keys of leases have been looked at and found to be those that a user may write, as permissions are now:
 * whoever attaches key after key to a lease is asked about each once, and not about all of them each time.
 */
class WritableLeases {
  readonly #auth: AuthStore;
  readonly #marks = new Map<string, KeysMark>();
  #authRevision = 0;

  constructor(auth: AuthStore) {
    this.#auth = auth;
  }

  markOf(lease: bigint, username: string): KeysMark | undefined {
    if (this.#authRevision !== this.#auth.revision) {
      this.#authRevision = this.#auth.revision;
      this.#marks.clear();
    }
    return this.#marks.get(`${lease} ${username}`);
  }

  set(lease: bigint, username: string, mark: KeysMark): void {
    if (this.#marks.size >= MAX_MARKS) this.#marks.clear();
    this.#marks.set(`${lease} ${username}`, mark);
  }
}

class NeedsOfUser implements Needs {
  readonly #judged: Judged;
  readonly #username: string;
  readonly #authRevision: number;

  constructor(judged: Judged, { username, authRevision }: Caller) {
    this.#judged = judged;
    this.#username = username;
    this.#authRevision = authRevision;
  }

  get #auth(): AuthStore {
    return this.#judged.auth;
  }

  read(key: Uint8Array, rangeEnd: Uint8Array): void {
    const { isRoot, read } = this.#granted();
    if (!isRoot && !read.covers(key, rangeEnd)) refuse("PERMISSION_DENIED");
  }

  write(key: Uint8Array, rangeEnd: Uint8Array): void {
    const { isRoot, write } = this.#granted();
    if (!isRoot && !write.covers(key, rangeEnd)) refuse("PERMISSION_DENIED");
  }

  writeAttached(lease: bigint): void {
    if (this.#auth.isRoot(this.#username)) return;
    // Marks are of the permissions in force: who comes with others is asked about all keys, and refused at the first.
    const { lessor, writable } = this.#judged;
    const known =
      this.#authRevision === this.#auth.revision ? writable.markOf(lease, this.#username) : undefined;
    const mark = lessor.visitKeys(lease, known, (key) => this.write(key, NO_RANGE_END));
    if (this.#authRevision === this.#auth.revision) writable.set(lease, this.#username, mark);
  }

  readAttached(lease: bigint): Promise<void> {
    return this.#whileUnchanged(() => this.#readLease(lease));
  }

  readAllAttached(): Promise<void> {
    return this.#whileUnchanged(async () => {
      for (const lease of await this.#judged.lessor.leases()) await this.#readLease(lease);
    });
  }

  /** What takes several turns holds only if nothing of users and roles has changed meanwhile. */
  async #whileUnchanged(check: () => Promise<void>): Promise<void> {
    const { revision } = this.#auth;
    if (!this.#auth.isRoot(this.#username)) await check();
    if (this.#auth.revision !== revision) refuse("AUTH_OLD_REVISION");
  }

  async #readLease(lease: bigint): Promise<void> {
    const { lessor } = this.#judged;
    const keys = await lessor.keysInSlices(lease);
    await lessor.reading.run(this.#readSteps(keys));
  }

  *#readSteps(keys: readonly Uint8Array[]): Steps<void> {
    for (let i = 0; i < keys.length; i++) {
      this.read(keys[i]!, NO_RANGE_END);
      if (i % CHECKS_BETWEEN_YIELDS === CHECKS_BETWEEN_YIELDS - 1) yield costOf(CHECKS_BETWEEN_YIELDS, 0);
    }
  }

  user(): void {
    if (this.#username === "" && this.#authRevision === 0) refuse("USER_NAME_EMPTY");
  }

  administrator(): void {
    if (this.#username === "") refuse("USER_NAME_EMPTY");
    if (this.#auth.user(this.#username) === undefined) refuse("USER_NOT_FOUND");
    if (!this.#auth.isRoot(this.#username)) refuse("PERMISSION_DENIED");
  }

  hasDuty(duty: Duty): boolean {
    return this.#judged.knowsDuties && this.#auth.hasRole(this.#username, DUTY_ROLE_PREFIX + duty);
  }

  self(username: string): void {
    if (username !== this.#username) this.administrator();
  }

  holder(role: string): void {
    if (!this.#auth.hasRole(this.#username, role)) this.administrator();
  }

  unchanged(): void {
    if (this.#authRevision !== 0 && this.#authRevision !== this.#auth.revision) refuse("AUTH_OLD_REVISION");
  }

  /** As of now. Refuses who may not be asked about keys at all. */
  #granted(): GrantedKeys {
    const { auth } = this.#judged;
    if (this.#authRevision === 0) refuse("USER_NAME_EMPTY");
    if (this.#authRevision < auth.revision) refuse("AUTH_OLD_REVISION");
    return auth.grantedTo(this.#username) ?? refuse("PERMISSION_DENIED");
  }
}

function refuse(code: FailureCode): never {
  throw new RequestError(code);
}
