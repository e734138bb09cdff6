import type http from "node:http";
import type { Message } from "@quorate/raft";
import type { Slices } from "@quorate/storage/slices";
import { formatId } from "../../cluster/ids.ts";
import { joinChunks } from "../../peer/join-chunks.ts";
import type { PeerTransport } from "../../peer/peer-transport.ts";
import { decodeMessageSteps } from "../../peer/stream/frame-decoder.ts";
import { comesFromPeers } from "../../peer/stream/stream-reader.ts";
import { allowMethod, answerError } from "../answers.ts";
import { bodyOf } from "../request-body.ts";
import { checkCompatible, checkParties, registerRemote } from "./checks.ts";

/** More than raft puts into one message, and less than what could exhaust the memory. */
const MAX_MESSAGE_BYTES = 64 * 2 ** 20;

/** `POST /raft`: one message. 204 says that raft has taken it. */
export function handleMessage(
  transport: PeerTransport,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): void | Promise<void> {
  if (!allowMethod(request, response, "POST")) return undefined;
  response.setHeader("X-Etcd-Cluster-ID", formatId(transport.options.clusterId));
  if (!checkCompatible(transport, request, response)) return undefined;
  registerRemote(transport, request);
  return readAll(request, transport.receiving).then(
    (body) => processMessage(transport, body, response),
    () => answerError(response, "RAFT_MESSAGE_BROKEN_OFF"),
  );
}

async function processMessage(
  transport: PeerTransport,
  body: Buffer,
  response: http.ServerResponse,
): Promise<void> {
  let message: Message;
  try {
    message = await transport.receiving.run(decodeMessageSteps(body));
  } catch {
    answerError(response, "RAFT_MESSAGE_MALFORMED");
    return;
  }
  const counts = transport.metrics.of(message.from);
  counts.receivedBytes += body.length;
  if (!checkParties(transport, message, response)) {
    counts.receivedFailures++;
    return;
  }
  transport.heardFrom(message.from);
  try {
    if (comesFromPeers(message)) transport.options.events.receive([message]);
  } catch (error) {
    transport.options.log.warn("failed to process a message", { error: (error as Error).message });
    response.on("finish", () => response.socket?.destroy());
    answerError(response, "RAFT_MESSAGE_FAILED");
    return;
  }
  response.writeHead(204);
  response.end();
}

async function readAll(request: http.IncomingMessage, slices: Slices): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of bodyOf(request)) {
    bytes += chunk.length;
    if (bytes > MAX_MESSAGE_BYTES) throw new Error("the message is too large");
    chunks.push(chunk);
  }
  return joinChunks(chunks, bytes, slices);
}
