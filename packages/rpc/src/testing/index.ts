export type { Http2Connection } from "../http2/connection.ts";
export { MemoryLink } from "./memory-link.ts";
export { RawClient } from "./raw-client.ts";
export * as rawFrames from "./raw-frames.ts";
