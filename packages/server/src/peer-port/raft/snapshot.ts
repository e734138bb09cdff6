import type http from "node:http";
import { type Message, MessageType } from "@quorate/raft";
import type { Slices } from "@quorate/storage/slices";
import { formatId } from "../../cluster/ids.ts";
import type { PeerTransport } from "../../peer/peer-transport.ts";
import { decodeMessageSteps } from "../../peer/stream/frame-decoder.ts";
import { allowMethod, answerError } from "../answers.ts";
import { BodyReader } from "../request-body.ts";
import { checkCompatible, checkParties, registerRemote } from "./checks.ts";

/** Of the message before the database: it holds the members, not the data. */
const MAX_MESSAGE_BYTES = 64 * 2 ** 20;

/** `POST /raft/snapshot`: a snapshot message and its database. 204 says that both are safe here. */
export async function handleSnapshot(
  transport: PeerTransport,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  if (!allowMethod(request, response, "POST")) return;
  response.setHeader("X-Etcd-Cluster-ID", formatId(transport.options.clusterId));
  if (!checkCompatible(transport, request, response)) return;
  registerRemote(transport, request);
  const body = new BodyReader(request, transport.receiving);
  let message: Message;
  try {
    message = await readMessage(body, transport.receiving);
  } catch (error) {
    transport.metrics.unknownSnapshotFailures++;
    answerError(response, "SNAPSHOT_MALFORMED", { facts: [(error as Error).message] });
    return;
  }
  if (message.type !== MessageType.MsgSnap || message.snapshot === undefined) {
    transport.metrics.of(message.from).snapshotsReceived.failures++;
    answerError(response, "NOT_A_SNAPSHOT");
    return;
  }
  await receive(transport, message, body, response);
}

async function receive(
  transport: PeerTransport,
  message: Message,
  body: BodyReader,
  response: http.ServerResponse,
): Promise<void> {
  const { clock, events, log } = transport.options;
  const transfers = transport.metrics.of(message.from).snapshotsReceived;
  const facts = { "from-peer-id": formatId(message.from), index: message.snapshot?.metadata.index };
  const startedMs = clock.nowMs();
  if (!checkParties(transport, message, response)) {
    transfers.failures++;
    return;
  }
  transport.heardFrom(message.from);
  transfers.inflight++;
  log.info("receiving a snapshot", facts);
  try {
    await events.receiveSnapshot(message, body.rest());
    transfers.successes++;
    transfers.seconds.observe((clock.nowMs() - startedMs) / 1_000);
    log.info("received a snapshot", { ...facts, tookMs: Math.round(clock.nowMs() - startedMs) });
    response.writeHead(204);
    response.end();
  } catch (error) {
    const { message: reason } = error as Error;
    transfers.failures++;
    log.error("failed to save incoming database snapshot", { ...facts, error: reason });
    answerError(response, "SNAPSHOT_NOT_SAVED", { facts: [reason] });
  } finally {
    transfers.inflight--;
  }
}

async function readMessage(body: BodyReader, slices: Slices): Promise<Message> {
  const length = (await body.take(8)).readBigUInt64BE(0);
  if (length > BigInt(MAX_MESSAGE_BYTES)) throw new Error("rafthttp: error limit exceeded");
  const bytes = await body.take(Number(length));
  return slices.run(decodeMessageSteps(bytes));
}
