import { once } from "node:events";
import type http from "node:http";
import type { Message } from "@quorate/raft";
import type { SnapshotDatabase } from "@quorate/storage/seams/transport";
import { encodeMessage } from "@quorate/wire/hot";
import type { PeerAgent } from "./dialer.ts";
import { identityHeaders, type PeerIdentity } from "./identity.ts";
import type { PeerAddress } from "./peer-address.ts";
import { readAnswer, startPost } from "./pipeline.ts";

/** Without a byte sent or an answer for so long the transfer is given up: nothing else would end it. */
const STALL_TIMEOUT_MS = 300_000;

export interface SnapshotPostOptions {
  readonly message: Message;
  readonly database: SnapshotDatabase;
  readonly address: PeerAddress;
  readonly agent: PeerAgent;
  readonly identity: PeerIdentity;
  readonly signal: AbortSignal;
}

/**
 * Sends one snapshot message with its database and waits until the peer has both. Rejects with the reason when it has
 * not; a database that turns out to be of another size than announced is never passed off as whole.
 */
export async function postSnapshot(options: SnapshotPostOptions): Promise<void> {
  const { address, agent, identity, signal } = options;
  const post = startPost(address, "/raft/snapshot", agent, {
    ...identityHeaders(identity),
    "Content-Type": "application/octet-stream",
    "Transfer-Encoding": "chunked",
  });
  const stop = new AbortController();
  const giveUp = (error: Error) => {
    stop.abort();
    post.destroy(error);
  };
  const onAbort = () => giveUp(new Error("snapshot transfer was stopped"));
  signal.addEventListener("abort", onAbort);
  const stall = setTimeout(() => giveUp(new Error("snapshot transfer stalled")), STALL_TIMEOUT_MS);
  stall.unref();
  try {
    const answered = answerTo(post, address, identity.clusterId).finally(() => stop.abort());
    // Whichever comes first: who refuses need not take the whole database.
    await Promise.race([answered, sendBody(post, options, stop.signal, () => stall.refresh())]);
    await answered;
  } finally {
    clearTimeout(stall);
    signal.removeEventListener("abort", onAbort);
    // Nothing is left under way, also when the peer has answered before all was sent.
    if (!post.writableFinished) post.destroy();
  }
}

function answerTo(post: http.ClientRequest, address: PeerAddress, localClusterId: bigint): Promise<void> {
  return new Promise((resolve, reject) => {
    post.on("error", reject);
    post.on("close", () => reject(new Error("connection closed")));
    post.on("response", (response) => {
      readAnswer(response, address, localClusterId, (failure) => {
        if (failure === undefined) resolve();
        else reject(failure);
      });
    });
  });
}

/** Ends early, without an error, when `signal` says that nobody takes more. */
async function sendBody(
  post: http.ClientRequest,
  { message, database }: SnapshotPostOptions,
  signal: AbortSignal,
  onProgress: () => void,
): Promise<void> {
  try {
    const encoded = encodeMessage(message);
    const head = Buffer.alloc(8);
    head.writeBigUInt64BE(BigInt(encoded.length));
    await write(post, Buffer.concat([head, encoded]), signal);
    let bytes = 0;
    for await (const chunk of database.read()) {
      if (signal.aborted) return;
      bytes += chunk.length;
      if (bytes > database.sizeBytes) break;
      await write(post, chunk, signal);
      onProgress();
    }
    if (bytes !== database.sizeBytes) {
      throw new Error(`the database has ${bytes} bytes, not ${database.sizeBytes} as announced`);
    }
    post.end();
  } catch (error) {
    if (signal.aborted) return;
    post.destroy(error as Error);
    throw error;
  }
}

async function write(post: http.ClientRequest, chunk: Uint8Array, signal: AbortSignal): Promise<void> {
  if (!post.write(chunk)) await once(post, "drain", { signal });
}
