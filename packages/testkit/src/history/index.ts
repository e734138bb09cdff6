/** What clients of a store were told, and whether one history explains it. */
export { checkAppends, checkLinearizability, checkOperations } from "./checks.ts";
export { EventHistory, type KeyVersion, keyOf, shortValue } from "./event-history.ts";
export { checkLeases, type LeaseRecord } from "./leases.ts";
export { searchOrder, type Verdict } from "./linearizability.ts";
export { abridge, describe, type Found, isWrite, type Operation, type OperationKind } from "./operation.ts";
export { WatchStream } from "./watch-stream.ts";
