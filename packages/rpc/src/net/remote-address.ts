import type { Socket } from "node:net";

/**
 * Where a connection comes from; empty when nobody knows any more. On a socket of both families IPv4 addresses come as IPv6
 * ones.
 */
export function remoteAddress(socket: Pick<Socket, "remoteAddress">): string {
  return socket.remoteAddress?.replace(/^::ffff:(?=[0-9.]+$)/i, "") ?? "";
}
