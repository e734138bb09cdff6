import {
  type Init,
  MemberAddRequest,
  MemberAddResponse,
  MemberListRequest,
  MemberListResponse,
  MemberPromoteRequest,
  MemberPromoteResponse,
  MemberRemoveRequest,
  MemberRemoveResponse,
  MemberUpdateRequest,
  MemberUpdateResponse,
} from "@quorate/wire/messages";
import { type Calls, method } from "../connection/calls.ts";
import type { RequestOptions } from "../connection/deadline.ts";

const ADD = method("Cluster", "MemberAdd", MemberAddRequest, MemberAddResponse, "once");
const REMOVE = method("Cluster", "MemberRemove", MemberRemoveRequest, MemberRemoveResponse, "once");
const UPDATE = method("Cluster", "MemberUpdate", MemberUpdateRequest, MemberUpdateResponse, "once");
const LIST = method("Cluster", "MemberList", MemberListRequest, MemberListResponse, "safe");
const PROMOTE = method("Cluster", "MemberPromote", MemberPromoteRequest, MemberPromoteResponse, "once");

/** The members of the cluster. Every method rejects with a ClientError. */
export class Cluster {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  addMember(request: Init<MemberAddRequest>, options?: RequestOptions): Promise<MemberAddResponse> {
    return this.#calls.unary(ADD, request, options);
  }

  removeMember(request: Init<MemberRemoveRequest>, options?: RequestOptions): Promise<MemberRemoveResponse> {
    return this.#calls.unary(REMOVE, request, options);
  }

  updateMember(request: Init<MemberUpdateRequest>, options?: RequestOptions): Promise<MemberUpdateResponse> {
    return this.#calls.unary(UPDATE, request, options);
  }

  listMembers(request: Init<MemberListRequest> = {}, options?: RequestOptions): Promise<MemberListResponse> {
    return this.#calls.unary(LIST, { linearizable: true, ...request }, options);
  }

  promoteMember(
    request: Init<MemberPromoteRequest>,
    options?: RequestOptions,
  ): Promise<MemberPromoteResponse> {
    return this.#calls.unary(PROMOTE, request, options);
  }
}
