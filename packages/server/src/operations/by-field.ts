import { ALARM } from "./alarm.ts";
import { AUTHENTICATE } from "./auth/authenticate.ts";
import { AUTH_DISABLE } from "./auth/disable.ts";
import { AUTH_ENABLE } from "./auth/enable.ts";
import { ROLE_ADD } from "./auth/role-add.ts";
import { ROLE_DELETE } from "./auth/role-delete.ts";
import { ROLE_GET } from "./auth/role-get.ts";
import { ROLE_GRANT_PERMISSION } from "./auth/role-grant-permission.ts";
import { ROLE_LIST } from "./auth/role-list.ts";
import { ROLE_REVOKE_PERMISSION } from "./auth/role-revoke-permission.ts";
import { USER_ADD } from "./auth/user-add.ts";
import { USER_CHANGE_PASSWORD } from "./auth/user-change-password.ts";
import { USER_DELETE } from "./auth/user-delete.ts";
import { USER_GET } from "./auth/user-get.ts";
import { USER_GRANT_ROLE } from "./auth/user-grant-role.ts";
import { USER_LIST } from "./auth/user-list.ts";
import { USER_REVOKE_ROLE } from "./auth/user-revoke-role.ts";
import { CLUSTER_VERSION } from "./cluster-version.ts";
import { COMPACT } from "./compact.ts";
import { DELETE_RANGE } from "./delete-range.ts";
import { DOWNGRADE_INFO } from "./downgrade-info.ts";
import { LEASE_CHECKPOINT } from "./lease-checkpoint.ts";
import { LEASE_GRANT } from "./lease-grant.ts";
import { LEASE_REVOKE } from "./lease-revoke.ts";
import { MEMBER_ATTRIBUTES } from "./member-attributes.ts";
import type { Operation } from "./operation.ts";
import { PUT } from "./put.ts";
import { TXN } from "./txn.ts";

/** Which request and outcome go with an operation, only the operation itself knows. */
type AnyOperation = Operation<unknown, unknown>;

const BY_FIELD = new Map<number, AnyOperation>(
  [
    PUT,
    DELETE_RANGE,
    TXN,
    COMPACT,
    LEASE_GRANT,
    LEASE_REVOKE,
    LEASE_CHECKPOINT,
    ALARM,
    CLUSTER_VERSION,
    MEMBER_ATTRIBUTES,
    DOWNGRADE_INFO,
    AUTH_DISABLE,
    AUTH_ENABLE,
    AUTHENTICATE,
    ROLE_ADD,
    ROLE_DELETE,
    ROLE_GET,
    ROLE_GRANT_PERMISSION,
    ROLE_LIST,
    ROLE_REVOKE_PERMISSION,
    USER_ADD,
    USER_CHANGE_PASSWORD,
    USER_DELETE,
    USER_GET,
    USER_GRANT_ROLE,
    USER_LIST,
    USER_REVOKE_ROLE,
  ].map((operation) => [operation.field, operation as AnyOperation]),
);

/** The operation with number `field` in `InternalRaftRequest`; undefined when it is none that changes the state. */
export function operationWithField(field: number): AnyOperation | undefined {
  return BY_FIELD.get(field);
}
