/** For `@quorate/simulator` alone: the parts of a member, to be put together over simulated surroundings. */

export { localCalls } from "./api/local-calls.ts";
export { createServices } from "./api/register.ts";
export { MemoryBackend, type MemoryBackendOptions } from "./backend/memory-backend.ts";
export { memberId } from "./cluster/ids.ts";
export type { ServerConfig } from "./config/server-config.ts";
export type { GatewayBackend, GatewayCall } from "./http/gateway/backend.ts";
export { type PlainHandler, peerEndpoints } from "./http/peer/endpoints.ts";
export { ClusterDuties } from "./member/cluster-duties.ts";
export { hastenElection } from "./member/first-election.ts";
export { findIdentity } from "./member/joining.ts";
export { configFromOptions, type MemberOptions } from "./member/options.ts";
export {
  buildParts,
  connectToMembers,
  electionTimeoutMs,
  type MemberParts,
  requestTimeoutMs,
} from "./member/parts.ts";
export { publish } from "./member/publish.ts";
export { lagFault } from "./member/received-databases.ts";
export { type MemberStorage, openStorage, storagePaths } from "./member/storage.ts";
export type { PeerRequest, PeerRequests, PeerResponse } from "./peer/peer-requests.ts";
export type { Backend, Table } from "./seams/backend.ts";
export type { Clock, Timer } from "./seams/clock.ts";
export { type Disk, DiskError, type DiskFile, type DiskLock, type OpenMode, readFile } from "./seams/disk.ts";
export type { Random } from "./seams/random.ts";
export { type DiskFault, type DiskOperation, SimulatedDisk } from "./seams/simulated-disk.ts";
export type { SnapshotDatabase, Transport, TransportEvents } from "./seams/transport.ts";
export { receivedDatabasePath } from "./snapshot/received-database.ts";
export type { LogFields, Logger } from "./telemetry/logger.ts";
export { RequestDefects } from "./telemetry/request-defects.ts";
export { LeaderMonitor } from "./watch/leader-monitor.ts";
