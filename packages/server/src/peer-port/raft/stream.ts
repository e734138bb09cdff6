import type http from "node:http";
import type net from "node:net";
import { posix } from "node:path";
import { formatId } from "../../cluster/ids.ts";
import { headerText, parseId } from "../../peer/identity.ts";
import type { PeerTransport } from "../../peer/peer-transport.ts";
import { COMPATIBLE_VERSION } from "../../version.ts";
import { allowMethod, answerError } from "../answers.ts";
import { checkCompatible, registerRemote } from "./checks.ts";

export const STREAM_PREFIX = "/raft/stream/";

const streaming = new WeakSet<net.Socket>();

/** Whether a connection carries a stream: no second request may come on it. */
export function isStreaming(socket: net.Socket): boolean {
  return streaming.has(socket);
}

/** `GET /raft/stream/KIND/FROM`: a response that does not end, in which messages go to member FROM. */
export function handleStream(
  transport: PeerTransport,
  path: string,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): void {
  const { socket } = request;
  if (!allowMethod(request, response, "GET")) return;
  const { clusterId, isRemoved, localId } = transport.options;
  response.setHeader("X-Server-Version", COMPATIBLE_VERSION);
  response.setHeader("X-Etcd-Cluster-ID", formatId(clusterId));
  if (!checkCompatible(transport, request, response)) return;
  const directory = posix.dirname(path);
  const kind = directory === "/raft/stream/msgapp" ? "msgapp" : "message";
  if (kind === "message" && directory !== "/raft/stream/message") {
    answerError(response, "STREAM_KIND_UNKNOWN");
    return;
  }
  const from = parseId(posix.basename(path));
  if (from === undefined) {
    answerError(response, "STREAM_OF_NOBODY");
    return;
  }
  if (isRemoved(from)) {
    answerError(response, "STREAM_OF_REMOVED_MEMBER");
    return;
  }
  if (!transport.hasPeer(from)) {
    // The sender may have been added while this member was away: it must be able to hear of that.
    registerRemote(transport, request);
    answerError(response, "STREAM_OF_UNKNOWN_MEMBER");
    return;
  }
  if (headerText(request.headers["x-raft-to"]) !== formatId(localId)) {
    answerError(response, "STREAM_TO_ANOTHER_MEMBER");
    return;
  }
  if (request.httpVersion !== "1.1") {
    answerError(response, "STREAM_NEEDS_HTTP_1_1");
    return;
  }
  streaming.add(socket);
  response.writeHead(200, { "Transfer-Encoding": "chunked" });
  response.flushHeaders();
  // The body is written to the connection itself: a chunk that holds everything there is to send costs one write.
  transport.attachStream(from, kind, socket);
}
