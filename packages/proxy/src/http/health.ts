import { Code, GrpcError } from "@quorate/rpc/status";
import {
  decodeMessage,
  encodeMessage,
  RangeRequest,
  WatchRequest,
  WatchResponse,
} from "@quorate/wire/messages";
import type { Members } from "../members/members.ts";
import type { Prefix } from "../namespace/prefix.ts";

const READ_WITHIN_MS = 1_000;
const WATCH_WITHIN_MS = 3_000;
const KEY = Buffer.from("a");

/** Why members do not answer a read; undefined when one does. Who may not read is answered. */
export async function whyUnhealthy(members: Members, prefix: Prefix): Promise<string | undefined> {
  const request = encodeMessage(RangeRequest, { key: prefix.key(KEY) });
  try {
    const deadlineMs = performance.now() + READ_WITHIN_MS;
    await members.unary("/etcdserverpb.KV/Range", request, { metadata: {}, deadlineMs }, true);
    return undefined;
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    if (error.code === Code.PERMISSION_DENIED) return undefined;
    const text = error.code === Code.DEADLINE_EXCEEDED ? "context deadline exceeded" : error.details;
    return `GET ERROR:${text}`;
  }
}

/** The same, and whether a watch begins. */
export async function whyNoWatch(members: Members, prefix: Prefix): Promise<string | undefined> {
  const unhealthy = await whyUnhealthy(members, prefix);
  if (unhealthy !== undefined) return unhealthy;
  const deadlineMs = performance.now() + WATCH_WITHIN_MS;
  try {
    const { stream } = await members.open("/etcdserverpb.Watch/Watch", { metadata: {}, deadlineMs });
    const { promise, resolve } = Promise.withResolvers<boolean>();
    stream.onMessage = (message) => resolve(decodeMessage(WatchResponse, message).created);
    stream.onEnd = () => resolve(false);
    stream.send(encodeMessage(WatchRequest, { createRequest: { key: prefix.key(KEY) } }));
    const begun = await promise;
    stream.cancel();
    return begun ? undefined : "WATCH TIMEOUT";
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    return "WATCH TIMEOUT";
  }
}
