import { decode } from "@quorate/wire";
import {
  CompactionRequestSchema,
  type DeleteRangeRequest,
  DeleteRangeRequestSchema,
  LeaseGrantRequestSchema,
  LeaseRevokeRequestSchema,
  type PutRequest,
  PutRequestSchema,
  type RangeRequest,
  type RequestOp,
  type TxnRequest,
  TxnRequestSchema,
} from "@quorate/wire/etcdserverpb";
import { decodeInternalRequest, InternalField } from "@quorate/wire/hot";
import {
  ACCESS,
  type Access,
  afterChange,
  type EntryCaller,
  FIRST_USERS,
  type Refusal,
  textOf,
  type UsersState,
  whyNoAccess,
} from "./users-state.ts";

interface Key {
  readonly modRevision: number;
  readonly lease: bigint;
}

/**
 * What entries do, one after another, as far as it follows from them alone: users, which keys there are, and the leases
 * that these are attached to. Knows what clients of the simulation ask for and nothing else. An own reading of the rules, in which
 * nothing is kept for later: too simple to be wrong.
 */
export class StateModel {
  users: UsersState = FIRST_USERS;
  revision = 1;
  readonly #keys = new Map<string, Key>();
  /** By ID, the keys. */
  readonly #leases = new Map<bigint, Set<string>>();
  #compactRevision = 0;

  /** Applies an entry's payload. Returns why it has no effect; undefined when it has what it asked for. */
  apply(data: Uint8Array): Refusal | undefined {
    const { field, body, username, authRevision } = decodeInternalRequest(data);
    const caller = { username, authRevision };
    switch (field) {
      case InternalField.put: {
        const request = decode(PutRequestSchema, body);
        return this.#whyNoPut(caller, request) ?? this.#write([{ put: request }]);
      }
      case InternalField.deleteRange: {
        const request = decode(DeleteRangeRequestSchema, body);
        return this.#whyNoDeletion(caller, request) ?? this.#write([{ deletion: request }]);
      }
      case InternalField.txn: {
        const request = decode(TxnRequestSchema, body);
        return this.#whyNoTxn(caller, request) ?? this.#write(this.#writesOf(request));
      }
      case InternalField.leaseGrant: {
        const { ID } = decode(LeaseGrantRequestSchema, body);
        if (ID === 0n || this.#leases.has(ID)) return "of another kind";
        this.#leases.set(ID, new Set());
        return undefined;
      }
      case InternalField.leaseRevoke:
        return this.#revoke(caller, decode(LeaseRevokeRequestSchema, body).ID);
      case InternalField.compaction: {
        const revision = Number(decode(CompactionRequestSchema, body).revision);
        if (revision <= this.#compactRevision || revision > this.revision) return "of another kind";
        this.#compactRevision = revision;
        return undefined;
      }
      default: {
        const next = afterChange(this.users, field, body, caller);
        if (typeof next === "string") return next;
        if (next !== undefined) this.users = next;
        return undefined;
      }
    }
  }

  // What a caller needs.

  #whyNoPut(caller: EntryCaller, { key, lease, prevKv }: PutRequest): Refusal | undefined {
    return (
      this.#whyNot(caller, ACCESS.write, key) ??
      this.#whyNoAttached(caller, lease) ??
      (prevKv ? this.#whyNot(caller, ACCESS.read, key) : undefined)
    );
  }

  #whyNoDeletion(caller: EntryCaller, { key, rangeEnd, prevKv }: DeleteRangeRequest): Refusal | undefined {
    return (
      this.#whyNot(caller, ACCESS.write, key, rangeEnd) ??
      (prevKv ? this.#whyNot(caller, ACCESS.read, key, rangeEnd) : undefined)
    );
  }

  #whyNoTxn(caller: EntryCaller, { compare, success, failure }: TxnRequest): Refusal | undefined {
    for (const { key, rangeEnd } of compare) {
      const refusal = this.#whyNot(caller, ACCESS.read, key, rangeEnd);
      if (refusal !== undefined) return refusal;
    }
    for (const { request } of [...success, ...failure]) {
      const refusal =
        request.case === "requestRange"
          ? this.#whyNot(caller, ACCESS.read, request.value.key, request.value.rangeEnd)
          : request.case === "requestPut"
            ? this.#whyNoPut(caller, request.value)
            : request.case === "requestDeleteRange"
              ? this.#whyNoDeletion(caller, request.value)
              : request.case === "requestTxn"
                ? this.#whyNoTxn(caller, request.value)
                : undefined;
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  /** Whoever attaches keys to a lease, or ends it, must be allowed to write what is attached to it. */
  #whyNoAttached(caller: EntryCaller, lease: bigint): Refusal | undefined {
    const user = this.users.users.get(caller.username);
    if (user?.roles.includes("root") === true) return undefined;
    for (const key of this.#leases.get(lease) ?? []) {
      const refusal = whyNoAccess(this.users, caller, ACCESS.write, key, "");
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  #whyNot(caller: EntryCaller, access: Access, key: Uint8Array, rangeEnd?: Uint8Array): Refusal | undefined {
    return whyNoAccess(
      this.users,
      caller,
      access,
      textOf(key),
      rangeEnd === undefined ? "" : textOf(rangeEnd),
    );
  }

  // What an entry does.

  /** Of the branch that is taken. */
  #writesOf({ compare, success, failure }: TxnRequest): readonly Write[] {
    const holds = compare.every(({ key, targetUnion }) => {
      const modRevision = this.#keys.get(textOf(key))?.modRevision ?? 0;
      return targetUnion.case === "modRevision" && Number(targetUnion.value) === modRevision;
    });
    return (holds ? success : failure).flatMap(({ request }: RequestOp): readonly Write[] => {
      if (request.case === "requestTxn") return this.#writesOf(request.value);
      if (request.case === "requestPut") return [{ put: request.value }];
      if (request.case === "requestDeleteRange") return [{ deletion: request.value }];
      return request.case === "requestRange" ? [{ range: request.value }] : [];
    });
  }

  /** All or nothing, in one revision if anything changes. */
  #write(writes: readonly Write[]): Refusal | undefined {
    for (const { put, range } of writes) {
      if (put !== undefined && put.lease !== 0n && !this.#leases.has(put.lease)) return "of another kind";
      if (range !== undefined && !this.#isReadable(Number(range.revision))) return "of another kind";
    }
    const next = this.revision + 1;
    for (const { put, deletion } of writes) {
      if (put !== undefined) this.#put(textOf(put.key), put.lease, next);
      else if (deletion !== undefined && this.#delete(textOf(deletion.key))) this.revision = next;
    }
    return undefined;
  }

  #isReadable(revision: number): boolean {
    return revision === 0 || (revision >= this.#compactRevision && revision <= this.revision);
  }

  #put(key: string, lease: bigint, modRevision: number): void {
    this.#delete(key);
    this.#keys.set(key, { modRevision, lease });
    this.#leases.get(lease)?.add(key);
    this.revision = modRevision;
  }

  #delete(key: string): boolean {
    const found = this.#keys.get(key);
    if (found === undefined) return false;
    this.#leases.get(found.lease)?.delete(key);
    return this.#keys.delete(key);
  }

  #revoke(caller: EntryCaller, id: bigint): Refusal | undefined {
    const refusal = this.#whyNoAttached(caller, id);
    if (refusal !== undefined) return refusal;
    const keys = this.#leases.get(id);
    if (keys === undefined) return "of another kind";
    if (keys.size > 0) this.revision += 1;
    for (const key of [...keys]) this.#delete(key);
    this.#leases.delete(id);
    return undefined;
  }
}

interface Write {
  readonly put?: PutRequest;
  readonly deletion?: DeleteRangeRequest;
  readonly range?: RangeRequest;
}
