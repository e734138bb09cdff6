import { decode } from "@quorate/wire";
import { LeaseTimeToLiveRequestSchema, WatchRequestSchema } from "@quorate/wire/etcdserverpb";
import { decodeLeaseId } from "@quorate/wire/hot";
import type { Needs } from "../operations/access.ts";
import { ALARM } from "../operations/alarm.ts";
import { AUTH_DISABLE } from "../operations/auth/disable.ts";
import { AUTH_ENABLE } from "../operations/auth/enable.ts";
import { ROLE_ADD } from "../operations/auth/role-add.ts";
import { ROLE_DELETE } from "../operations/auth/role-delete.ts";
import { ROLE_GET } from "../operations/auth/role-get.ts";
import { ROLE_GRANT_PERMISSION } from "../operations/auth/role-grant-permission.ts";
import { ROLE_LIST } from "../operations/auth/role-list.ts";
import { ROLE_REVOKE_PERMISSION } from "../operations/auth/role-revoke-permission.ts";
import { USER_ADD } from "../operations/auth/user-add.ts";
import { USER_CHANGE_PASSWORD } from "../operations/auth/user-change-password.ts";
import { USER_DELETE } from "../operations/auth/user-delete.ts";
import { USER_GET } from "../operations/auth/user-get.ts";
import { USER_GRANT_ROLE } from "../operations/auth/user-grant-role.ts";
import { USER_LIST } from "../operations/auth/user-list.ts";
import { USER_REVOKE_ROLE } from "../operations/auth/user-revoke-role.ts";
import { CALL_NEEDS } from "../operations/call-needs.ts";
import { COMPACT } from "../operations/compact.ts";
import { DELETE_RANGE } from "../operations/delete-range.ts";
import { LEASE_GRANT } from "../operations/lease-grant.ts";
import { LEASE_REVOKE } from "../operations/lease-revoke.ts";
import { MEMBER_ADD } from "../operations/member-add.ts";
import { MEMBER_PROMOTE } from "../operations/member-promote.ts";
import { MEMBER_REMOVE } from "../operations/member-remove.ts";
import { MEMBER_UPDATE } from "../operations/member-update.ts";
import type { Operation } from "../operations/operation.ts";
import { PUT } from "../operations/put.ts";
import { RANGE } from "../operations/range.ts";
import { TXN } from "../operations/txn.ts";

/** Who is asked what a request needs: the member that is called, and then each one that applies its entry. */
export interface AskedNeeds {
  readonly here: Needs;
  readonly applied: Needs;
}

/**
 * Asks for all that the caller of a method needs for a request, in order: the needs throw what is refused. Throws WireError
 * for what is no such request.
 */
export type AskForNeeds = (message: Uint8Array, needs: AskedNeeds) => void | Promise<void>;

const logged =
  <Request>(operation: Operation<Request, unknown>): AskForNeeds =>
  (message, { here, applied }) => {
    const request = operation.decode(message, 0, message.length);
    operation.needsOfProposer(request, here);
    operation.needsWhenApplied(request, applied);
  };
const range: AskForNeeds = (message, { here }) => RANGE.needs(RANGE.decode(message), here);
const always =
  (ask: (needs: Needs) => void | Promise<void>): AskForNeeds =>
  (_message, { here }) =>
    ask(here);
/** No change of the members needs more for one request than for another. */
const change = ({ needs }: { readonly needs: (request: never, needs: Needs) => void }) =>
  always((here) => needs(undefined as never, here));

/** Those of all methods that are guarded, by their paths. */
const BY_PATH: ReadonlyMap<string, AskForNeeds> = new Map(
  Object.entries<AskForNeeds>({
    "KV/Range": range,
    "KV/RangeStream": range,
    "KV/Put": logged(PUT),
    "KV/DeleteRange": logged(DELETE_RANGE),
    "KV/Txn": logged(TXN),
    "KV/Compact": logged(COMPACT),
    "Watch/Watch": (message, { here }) => {
      const { requestUnion } = decode(WatchRequestSchema, message);
      if (requestUnion.case === "createRequest") CALL_NEEDS.Watch(requestUnion.value, here);
    },
    "Lease/LeaseGrant": logged(LEASE_GRANT),
    "Lease/LeaseRevoke": (message, { here, applied }) => {
      const id = LEASE_REVOKE.decode(message, 0, message.length);
      LEASE_REVOKE.needsOfProposer(id, here);
      if (!here.hasDuty("leases")) LEASE_REVOKE.needsWhenApplied(id, applied);
    },
    "Lease/LeaseKeepAlive": (message, { here }) => CALL_NEEDS.LeaseKeepAlive(decodeLeaseId(message), here),
    "Lease/LeaseTimeToLive": (message, { here }) =>
      CALL_NEEDS.LeaseTimeToLive(decode(LeaseTimeToLiveRequestSchema, message), here),
    "Lease/LeaseLeases": always(CALL_NEEDS.LeaseLeases),
    "Cluster/MemberAdd": change(MEMBER_ADD),
    "Cluster/MemberRemove": change(MEMBER_REMOVE),
    "Cluster/MemberUpdate": change(MEMBER_UPDATE),
    "Cluster/MemberPromote": change(MEMBER_PROMOTE),
    "Cluster/MemberList": always(CALL_NEEDS.MemberList),
    "Maintenance/Alarm": logged(ALARM),
    "Maintenance/Status": always(CALL_NEEDS.Status),
    "Maintenance/Hash": always(CALL_NEEDS.Hash),
    "Maintenance/HashKV": always(CALL_NEEDS.HashKV),
    "Maintenance/Snapshot": always(CALL_NEEDS.Snapshot),
    "Maintenance/Defragment": always(CALL_NEEDS.Defragment),
    "Maintenance/MoveLeader": always(CALL_NEEDS.MoveLeader),
    "Maintenance/Downgrade": always(CALL_NEEDS.Downgrade),
    "Auth/AuthEnable": logged(AUTH_ENABLE),
    "Auth/AuthDisable": logged(AUTH_DISABLE),
    "Auth/UserAdd": logged(USER_ADD),
    "Auth/UserGet": logged(USER_GET),
    "Auth/UserList": logged(USER_LIST),
    "Auth/UserDelete": logged(USER_DELETE),
    "Auth/UserChangePassword": logged(USER_CHANGE_PASSWORD),
    "Auth/UserGrantRole": logged(USER_GRANT_ROLE),
    "Auth/UserRevokeRole": logged(USER_REVOKE_ROLE),
    "Auth/RoleAdd": logged(ROLE_ADD),
    "Auth/RoleGet": logged(ROLE_GET),
    "Auth/RoleList": logged(ROLE_LIST),
    "Auth/RoleDelete": logged(ROLE_DELETE),
    "Auth/RoleGrantPermission": logged(ROLE_GRANT_PERMISSION),
    "Auth/RoleRevokePermission": logged(ROLE_REVOKE_PERMISSION),
  }).map(([method, ask]) => [`/etcdserverpb.${method}`, ask]),
);

/** Of the method with this path; undefined when it is open to everybody, or there is none. */
export function needsOfRequests(path: string): AskForNeeds | undefined {
  return BY_PATH.get(path);
}
