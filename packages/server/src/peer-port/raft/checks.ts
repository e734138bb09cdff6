import type http from "node:http";
import type { Message } from "@quorate/raft";
import { remoteAddress } from "@quorate/rpc/server";
import { formatId } from "../../cluster/ids.ts";
import { HTTP_FAILURES } from "../../errors.ts";
import { headerText, parseId, refusalOf } from "../../peer/identity.ts";
import { areValidUrls, type PeerTransport } from "../../peer/peer-transport.ts";
import { answerError, answerErrorInJson } from "../answers.ts";

/** Answers 412 and returns false when the sender is of another cluster or an incompatible release. */
export function checkCompatible(
  transport: PeerTransport,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): boolean {
  const { clusterId, log } = transport.options;
  const refusal = refusalOf(request.headers, clusterId);
  if (refusal === undefined) return true;
  log.warn("refused a request of another member", {
    "remote-peer-id": headerText(request.headers["x-server-from"]),
    "remote-addr": remoteAddress(request.socket),
    "remote-cluster-id": headerText(request.headers["x-etcd-cluster-id"]),
    "local-cluster-id": formatId(clusterId),
    error: HTTP_FAILURES[refusal][1],
  });
  answerError(response, refusal);
  return false;
}

/** Remembers how the sender can be answered, in case it is no member that this one knows. */
export function registerRemote(transport: PeerTransport, request: http.IncomingMessage): void {
  const from = parseId(headerText(request.headers["x-server-from"]) ?? "");
  const urls = (headerText(request.headers["x-peerurls"]) ?? "").split(",").filter((url) => url !== "");
  if (from !== undefined && from !== 0n && areValidUrls(urls)) transport.addRemote(from, urls);
}

/**
 * Answers 403 and returns false when the message is not between this member and one of the cluster. Members of etcd
 * conclude from any 403 that they have been removed, and stop.
 */
export function checkParties(
  transport: PeerTransport,
  message: Message,
  response: http.ServerResponse,
): boolean {
  const { isRemoved, localId, log } = transport.options;
  const refusal = isRemoved(message.from)
    ? "FROM_REMOVED_MEMBER"
    : message.to !== localId
      ? "TO_ANOTHER_MEMBER"
      : undefined;
  if (refusal === undefined) return true;
  const [, error] = HTTP_FAILURES[refusal];
  log.warn("refused a message", { from: formatId(message.from), to: formatId(message.to), error });
  answerErrorInJson(response, refusal);
  return false;
}
