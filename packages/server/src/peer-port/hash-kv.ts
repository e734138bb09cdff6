import type http from "node:http";
import type { Revision } from "@quorate/storage/seams/backend";
import type { ApiContext } from "../api/context.ts";
import { formatId } from "../cluster/ids.ts";
import { isRefusedWith } from "../errors.ts";
import type { KvHash } from "../mvcc/stored-hashes.ts";
import { allowMethod, answer, answerError, readSmallBody } from "./answers.ts";

const MAX_REQUEST_BYTES = 65_536;

/** `GET /members/hashkv` with the body `{"revision":N}`, where 0 is the current one. */
export async function handleHashKv(
  context: Pick<ApiContext, "membership" | "store" | "log">,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  if (!allowMethod(request, response, "GET")) return;
  const clusterId = formatId(context.membership.clusterId);
  // Releases up to 3.4 do not send it.
  const theirs = request.headers["x-etcd-cluster-id"];
  if (theirs !== undefined && theirs !== "" && theirs !== clusterId) {
    answerError(response, "CLUSTER_ID_MISMATCH");
    return;
  }
  const body = await readSmallBody(request, response, MAX_REQUEST_BYTES);
  if (body === undefined) return;
  const revision = revisionOf(body);
  if (revision === undefined) {
    answerError(response, "BODY_MALFORMED");
    return;
  }
  try {
    const hash = await context.store.hashKv(revision);
    const headers = { "x-etcd-cluster-id": clusterId, "content-type": "application/json" };
    answer(response, 200, headers, encodeHash(hash));
  } catch (error) {
    context.log.warn("failed to hash the key space for another member", {
      "requested-revision": revision,
      error: (error as Error).message,
    });
    if (isRefusedWith(error, "COMPACTED")) answerError(response, "HASH_COMPACTED");
    else if (isRefusedWith(error, "FUTURE_REVISION")) answerError(response, "HASH_IN_FUTURE");
    else answerError(response, "HASH_FAILED", { facts: [(error as Error).message] });
  }
}

/** The revision as Go would read it: unknown fields are ignored, names match in any case, null leaves it 0. */
function revisionOf(bytes: Buffer): Revision | undefined {
  let request: unknown;
  try {
    request = JSON.parse(bytes.toString(), keepNumbersAsText as (key: string, value: unknown) => unknown);
  } catch {
    return undefined;
  }
  if (request === null) return 0;
  if (typeof request !== "object" || Array.isArray(request)) return undefined;
  let revision = 0;
  for (const [name, value] of Object.entries(request)) {
    if (name.toLowerCase() !== "revision" || value === null) continue;
    if (!(value instanceof NumberText) || !/^-?\d+$/.test(value.text)) return undefined;
    const number = BigInt(value.text);
    if (number !== BigInt.asIntN(64, number)) return undefined;
    // Beyond 2^53 lies no revision: any of these is a future one, or before all.
    revision = Math.max(Math.min(Number(number), Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
  }
  return revision;
}

class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A double would round large numbers, and accept `1e3` and `1.0`, which are no int64 in Go. */
function keepNumbersAsText(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === "number" ? new NumberText(context?.source ?? "") : value;
}

/** Fields that are zero are left out. */
function encodeHash(result: KvHash & { readonly currentRevision: Revision }): string {
  const { currentRevision, hash, compactRevision, hashRevision } = result;
  return JSON.stringify({
    header: { revision: currentRevision || undefined },
    hash: hash || undefined,
    compact_revision: compactRevision || undefined,
    hash_revision: hashRevision || undefined,
  });
}
