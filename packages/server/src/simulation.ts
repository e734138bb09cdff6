/** For `@quorate/simulator` alone: a member's life over simulated surroundings, and what looks into it. */

export type { GatewayBackend, GatewayCall } from "./api/gateway-backend.ts";
export { localCalls } from "./api/local-calls.ts";
export type { Cryptography } from "./auth/cryptography.ts";
export { RequestDefects } from "./client-port/request-defects.ts";
export { memberId } from "./cluster/ids.ts";
export type { ServerConfig } from "./config/server-config.ts";
export type { LogFields, Logger } from "./log/logger.ts";
export { DatabaseFiles } from "./member/databases.ts";
export { MemberLife } from "./member/life.ts";
export { configFromOptions, type MemberOptions } from "./member/options.ts";
export type { MemberParts } from "./member/parts.ts";
export type { MemberStorage } from "./member/storage.ts";
export type { Surroundings } from "./member/surroundings.ts";
export type { PeerRequest, PeerRequests, PeerResponse } from "./peer/peer-requests.ts";
export { type PlainHandler, peerEndpoints } from "./peer-port/endpoints.ts";
