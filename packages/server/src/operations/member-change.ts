import type { ConfChange } from "@quorate/raft";
import type { ClusterMember } from "../cluster/member-json.ts";
import type { ClusterHealth } from "../cluster/strict-checks.ts";
import type { FailureCode } from "../errors.ts";
import { type Needs, needsDuty } from "./access.ts";

/** What the member knows of the cluster that is asked to change it. */
export interface ClusterStatus extends ClusterHealth {
  /** With `--strict-reconfig-check`: what could cost the cluster its quorum is refused. */
  readonly isStrict: boolean;
  /** Up to which index raft knows each member's log to be the leader's own; undefined on members that do not lead. */
  readonly matchIndexes: ReadonlyMap<bigint, number> | undefined;
  member(id: bigint): ClusterMember | undefined;
}

/** The header of a response. */
interface Header {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly raftTerm: bigint;
}

/**
 * All about one change of the members, from its request's bytes to its answer. It goes through the log as raft's own kind of
 * entry, so it is no `Operation`: whether and how it takes effect is decided by `cluster/conf-change.ts` when it is applied,
 * and nobody's permission is looked at again then.
 */
export interface MemberChange<Request> {
  /** What is done to the member, as logs say it. */
  readonly word: "add" | "remove" | "update" | "promote";
  /** Throws WireError. `nowSeconds` is Unix time, of which the IDs of new members are made. */
  decode(message: Uint8Array, nowSeconds: number): Request;
  /** Refuses (RequestError) what is wrong with a request whatever the state and whoever asks. */
  check(request: Request): void;
  /** What its caller needs for it to be proposed. */
  needs(request: Request, needs: Needs): void;
  /** It is looked at only when all that is known to be committed has been applied. */
  readonly awaitsApplied: boolean;
  /** What is proposed. */
  change(request: Request): Omit<ConfChange, "id">;
  /** Why it is not proposed by a member that sees the cluster so; undefined when it is. */
  refusal(request: Request, status: ClusterStatus): FailureCode | undefined;
  /** The encoded response, with all members as they are afterwards. */
  answer(header: Header, members: readonly ClusterMember[], request: Request): Uint8Array;
}

/** What most changes have in common. */
const USUAL = {
  check: () => {},
  needs: (_request: unknown, needs: Needs) => needsDuty("members", needs),
  awaitsApplied: false,
  refusal: () => undefined,
};

type Usual = keyof typeof USUAL;

/** A change of which only what is its own is said. */
export function memberChange<Request>(
  said: Omit<MemberChange<Request>, Usual> & Partial<Pick<MemberChange<Request>, Usual>>,
): MemberChange<Request> {
  return { ...USUAL, ...said };
}

/** As an `etcdserverpb.Member`. */
export function memberMessage(member: ClusterMember) {
  return {
    ID: member.id,
    name: member.name,
    peerURLs: [...member.peerUrls],
    clientURLs: [...member.clientUrls],
    isLearner: member.isLearner,
  };
}
