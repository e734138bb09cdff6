import {
  AlarmRequest,
  AlarmResponse,
  DefragmentRequest,
  DefragmentResponse,
  DowngradeRequest,
  DowngradeResponse,
  HashKVRequest,
  HashKVResponse,
  type Init,
  MoveLeaderRequest,
  MoveLeaderResponse,
  SnapshotRequest,
  SnapshotResponse,
  StatusRequest,
  StatusResponse,
} from "@quorate/wire/messages";
import { type Calls, method } from "../connection/calls.ts";
import type { RequestOptions } from "../connection/deadline.ts";

const STATUS = method("Maintenance", "Status", StatusRequest, StatusResponse, "safe");
const DEFRAGMENT = method("Maintenance", "Defragment", DefragmentRequest, DefragmentResponse, "once");
const HASH_KV = method("Maintenance", "HashKV", HashKVRequest, HashKVResponse, "safe");
const ALARM = method("Maintenance", "Alarm", AlarmRequest, AlarmResponse, "once");
const MOVE_LEADER = method("Maintenance", "MoveLeader", MoveLeaderRequest, MoveLeaderResponse, "once");
const DOWNGRADE = method("Maintenance", "Downgrade", DowngradeRequest, DowngradeResponse, "once");
const SNAPSHOT = method("Maintenance", "Snapshot", SnapshotRequest, SnapshotResponse, "safe");

/**
 * What operators ask of one member: the client has to have one endpoint if it is to be a certain one. Every method rejects
 * with a ClientError.
 */
export class Maintenance {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  status(options?: RequestOptions): Promise<StatusResponse> {
    return this.#calls.unary(STATUS, {}, options);
  }

  defragment(options?: RequestOptions): Promise<DefragmentResponse> {
    return this.#calls.unary(DEFRAGMENT, {}, options);
  }

  hashKv(request: Init<HashKVRequest>, options?: RequestOptions): Promise<HashKVResponse> {
    return this.#calls.unary(HASH_KV, request, options);
  }

  alarm(request: Init<AlarmRequest>, options?: RequestOptions): Promise<AlarmResponse> {
    return this.#calls.unary(ALARM, request, options);
  }

  moveLeader(request: Init<MoveLeaderRequest>, options?: RequestOptions): Promise<MoveLeaderResponse> {
    return this.#calls.unary(MOVE_LEADER, request, options);
  }

  downgrade(request: Init<DowngradeRequest>, options?: RequestOptions): Promise<DowngradeResponse> {
    return this.#calls.unary(DOWNGRADE, request, options);
  }

  /** The member's database, in parts; the last 32 bytes are the SHA-256 of all before them. */
  snapshot(options?: RequestOptions): AsyncGenerator<SnapshotResponse, void> {
    return this.#calls.answers(SNAPSHOT, {}, options);
  }
}
