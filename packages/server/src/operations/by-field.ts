import { ALARM } from "./alarm.ts";
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
  ].map((operation) => [operation.field, operation as AnyOperation]),
);

/** The operation with number `field` in `InternalRaftRequest`; undefined when it is none that changes the state. */
export function operationWithField(field: number): AnyOperation | undefined {
  return BY_FIELD.get(field);
}
