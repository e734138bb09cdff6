/** For programs that hand on calls of others: connections to members, without a client over them. */
export { type ConnectionSettings, connectTo } from "./connect.ts";
export { Connections } from "./connections.ts";
export { Deadline } from "./deadline.ts";
export { type Endpoint, parseEndpoint } from "./endpoint.ts";
export { ClientError } from "./errors.ts";
