export { Code } from "@quorate/rpc/status";
export {
  AlarmAction,
  AlarmType,
  CompareResult,
  CompareTarget,
  DowngradeAction,
  EventType,
  SortOrder,
  SortTarget,
  Type as PermissionType,
} from "@quorate/wire/messages";
export { Client, type ClientOptions } from "./client.ts";
export { Election, type Leader, observeLeaders } from "./concurrency/election.ts";
export { Mutex } from "./concurrency/mutex.ts";
export { Session } from "./concurrency/session.ts";
export type { RequestOptions } from "./connection/deadline.ts";
export { type Endpoint, parseEndpoint } from "./connection/endpoint.ts";
export { ClientError } from "./connection/errors.ts";
export type { Credentials } from "./connection/tokens.ts";
export { NO_END, prefixEnd, withPrefix } from "./services/key-ranges.ts";
export { WatchCanceled, type WatchedChanges, type Watcher, type WatchOptions } from "./watch/watcher.ts";
