import { decode, encode } from "@quorate/wire";
import {
  CompactionRequestSchema,
  Compare_CompareResult,
  Compare_CompareTarget,
  DefragmentRequestSchema,
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  HashKVRequestSchema,
  HashKVResponseSchema,
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseRevokeRequestSchema,
  MemberAddRequestSchema,
  MemberAddResponseSchema,
  MemberListRequestSchema,
  MemberListResponseSchema,
  MemberPromoteRequestSchema,
  MemberRemoveRequestSchema,
  MoveLeaderRequestSchema,
  PutRequestSchema,
  PutResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  TxnRequestSchema,
  type TxnResponse,
  TxnResponseSchema,
} from "@quorate/wire/etcdserverpb";
import type { KeyValue } from "@quorate/wire/mvccpb";
import type { Machine } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { CallError, call, openStream } from "./calls.ts";
import type { Action } from "./journal.ts";
import type { Session } from "./session.ts";

/** A key and what it held. */
export interface Pair {
  readonly key: string;
  readonly value: string;
  readonly modRevision: number;
  readonly lease: bigint;
}

type Swap = Omit<Extract<Action, { kind: "swap" }>, "kind">;

export interface RangeAnswer {
  readonly revision: number;
  readonly pairs: readonly Pair[];
}

export interface MemberInfo {
  readonly id: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
}

const TIMEOUT_MS = 8_000;
const bytes = (text: string) => Buffer.from(text);
const text = (value: Uint8Array) => Buffer.from(value).toString();

/** The RPCs of one member, as far as the simulation uses them. All reject with `CallError`. */
export class Api {
  readonly #world: World;
  readonly machine: Machine;
  readonly #client: string | undefined;
  readonly #session: Session | undefined;

  /** Calls of `client` are recorded under its name. They are made for the user of `session`, or for nobody. */
  constructor(world: World, machine: Machine, client?: string, session?: Session) {
    this.#world = world;
    this.#client = client;
    this.#session = session;
    this.machine = machine;
  }

  /** Any unary call, `KV/Put` for one. */
  ask(method: string, request: Uint8Array): Promise<Uint8Array> {
    return this.#call(method, request);
  }

  async put(key: string, value: string, lease = 0n): Promise<number> {
    const request = encode(PutRequestSchema, { key: bytes(key), value: bytes(value), lease });
    return revisionOf(decode(PutResponseSchema, await this.#call("KV/Put", request)));
  }

  async delete(key: string): Promise<{ revision: number; deleted: number }> {
    const request = encode(DeleteRangeRequestSchema, { key: bytes(key) });
    const response = decode(DeleteRangeResponseSchema, await this.#call("KV/DeleteRange", request));
    return { revision: revisionOf(response), deleted: Number(response.deleted) };
  }

  /** Without `end` one key. */
  async range(key: string, end = "", serializable = false): Promise<RangeAnswer> {
    const request = encode(RangeRequestSchema, { key: bytes(key), rangeEnd: bytes(end), serializable });
    const response = decode(RangeResponseSchema, await this.#call("KV/Range", request));
    return { revision: revisionOf(response), pairs: response.kvs.map(pairOf) };
  }

  /**
   * Writes to `key` and to `logKey` if `key` was last written at `expected` (0: does not exist), and reads what it is asked
   * to; `found` is what each of its ranges has found.
   */
  async swap({
    key,
    logKey,
    value,
    expected,
    readRevision,
    readRange,
    isNested,
  }: Swap): Promise<{ revision: number; succeeded: boolean; found: readonly (readonly Pair[])[] }> {
    const puts = [putOf(key, value), putOf(logKey, value)];
    const all = readRange === undefined ? [] : [range(readRange.key, readRange.end, 0)];
    const old = readRevision === undefined ? [] : [range(key, "", readRevision)];
    const operations = [...old, ...all, ...puts, ...all];
    const request = encode(TxnRequestSchema, {
      compare: [
        {
          result: Compare_CompareResult.EQUAL,
          target: Compare_CompareTarget.MOD,
          key: bytes(key),
          targetUnion: { case: "modRevision", value: BigInt(expected) },
        },
      ],
      success: isNested === true ? [nested(operations)] : operations,
    });
    const response = decode(TxnResponseSchema, await this.#call("KV/Txn", request));
    const found = rangesOf(response);
    return { revision: revisionOf(response), succeeded: response.succeeded, found };
  }

  async defragment(): Promise<void> {
    await this.#call("Maintenance/Defragment", encode(DefragmentRequestSchema, {}));
  }

  async compact(revision: number): Promise<void> {
    await this.#call("KV/Compact", encode(CompactionRequestSchema, { revision: BigInt(revision) }));
  }

  async grant(ttlSeconds: number): Promise<{ id: bigint; ttlSeconds: number }> {
    const request = encode(LeaseGrantRequestSchema, { TTL: BigInt(ttlSeconds) });
    const { ID, TTL } = decode(LeaseGrantResponseSchema, await this.#call("Lease/LeaseGrant", request));
    return { id: ID, ttlSeconds: Number(TTL) };
  }

  async revoke(id: bigint): Promise<void> {
    await this.#call("Lease/LeaseRevoke", encode(LeaseRevokeRequestSchema, { ID: id }));
  }

  /** The TTL that the answer names, 0 when there is no such lease. */
  keepAlive(id: bigint, timeoutMs: number): Promise<number> {
    const session = this.#session;
    if (session === undefined) return this.#keepAlive(id, timeoutMs, undefined);
    return session.tokenFor(this.machine).then((token) => this.#keepAlive(id, timeoutMs, token));
  }

  #keepAlive(id: bigint, timeoutMs: number, token: string | undefined): Promise<number> {
    const answer = new Promise<number>((resolve, reject) => {
      const path = "/etcdserverpb.Lease/LeaseKeepAlive";
      const events = {
        onMessage: (message: Uint8Array) => {
          stream.cancel();
          resolve(Number(decode(LeaseKeepAliveResponseSchema, message).TTL));
        },
        onEnd: (error: CallError) => {
          this.#session?.refused(token, error.message);
          reject(error);
        },
      };
      const stream = openStream(this.#world, this.machine, path, timeoutMs, events, token);
      this.#world.time.after(timeoutMs, () => {
        stream.cancel();
        reject(new CallError(4, "the client gave up", false));
      });
      stream.send(encode(LeaseKeepAliveRequestSchema, { ID: id }));
    });
    this.#record("Lease/LeaseKeepAlive", answer);
    return answer;
  }

  async hashKv(revision: number): Promise<{ hash: number; compactRevision: number }> {
    const request = encode(HashKVRequestSchema, { revision: BigInt(revision) });
    const response = decode(HashKVResponseSchema, await this.#call("Maintenance/HashKV", request));
    return { hash: response.hash, compactRevision: Number(response.compactRevision) };
  }

  async moveLeader(target: bigint): Promise<void> {
    await this.#call("Maintenance/MoveLeader", encode(MoveLeaderRequestSchema, { targetID: target }));
  }

  async members(): Promise<MemberInfo[]> {
    const request = encode(MemberListRequestSchema, { linearizable: true });
    const { members } = decode(MemberListResponseSchema, await this.#call("Cluster/MemberList", request));
    return members.map((member) => ({
      id: member.ID,
      name: member.name,
      peerUrls: member.peerURLs,
      isLearner: member.isLearner,
    }));
  }

  async addMember(peerUrl: string, isLearner: boolean): Promise<bigint> {
    const request = encode(MemberAddRequestSchema, { peerURLs: [peerUrl], isLearner });
    const { member } = decode(MemberAddResponseSchema, await this.#call("Cluster/MemberAdd", request));
    return member!.ID;
  }

  async removeMember(id: bigint): Promise<void> {
    await this.#call("Cluster/MemberRemove", encode(MemberRemoveRequestSchema, { ID: id }));
  }

  async promoteMember(id: bigint): Promise<void> {
    await this.#call("Cluster/MemberPromote", encode(MemberPromoteRequestSchema, { ID: id }));
  }

  #call(method: string, request: Uint8Array): Promise<Uint8Array> {
    const answer =
      this.#session?.call(this.machine, method, request, TIMEOUT_MS) ??
      call(this.#world, this.machine, `/etcdserverpb.${method}`, request, TIMEOUT_MS);
    this.#record(method, answer);
    return answer;
  }

  #record(method: string, answer: Promise<unknown>): void {
    const { recorder } = this.#world;
    if (recorder === undefined || this.#client === undefined) return;
    const recorded = recorder.called(this.#client, this.machine.name, method);
    answer.then(
      () => recorder.ended(recorded),
      (error: Error) => recorder.ended(recorded, error),
    );
  }
}

function nested(success: (ReturnType<typeof range> | ReturnType<typeof putOf>)[]) {
  return { request: { case: "requestTxn" as const, value: { success } } };
}

function putOf(key: string, value: string) {
  return { request: { case: "requestPut" as const, value: { key: bytes(key), value: bytes(value) } } };
}

/** What each range of a transaction has found, those of the ones in it likewise. */
function rangesOf({ responses }: Pick<TxnResponse, "responses">): Pair[][] {
  return responses.flatMap(({ response }) => {
    if (response.case === "responseTxn") return rangesOf(response.value);
    return response.case === "responseRange" ? [response.value.kvs.map(pairOf)] : [];
  });
}

function range(key: string, end: string, revision: number) {
  const value = { key: bytes(key), rangeEnd: bytes(end), revision: BigInt(revision) };
  return { request: { case: "requestRange" as const, value } };
}

function pairOf(kv: KeyValue): Pair {
  return {
    key: text(kv.key),
    value: text(kv.value),
    modRevision: Number(kv.modRevision),
    lease: kv.lease,
  };
}

function revisionOf({ header }: { header?: { revision: bigint } | undefined }): number {
  return Number(header?.revision ?? 0n);
}
