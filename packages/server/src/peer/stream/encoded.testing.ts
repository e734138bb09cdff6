import assert from "node:assert/strict";
import type { Message } from "@quorate/raft";
import { ChunkBuffer } from "./chunk-buffer.ts";
import { roomFor } from "./message-frames.ts";

/** What `write` makes of the messages, without the chunk's head and tail. */
export function encoded(
  messages: readonly Message[],
  write: (out: ChunkBuffer, message: Message) => void,
): Buffer {
  const out = new ChunkBuffer();
  out.begin(
    messages.reduce((sum, message) => sum + roomFor(message), 0),
    1,
  );
  out.beginChunk();
  for (const message of messages) write(out, message);
  const chunk = out.endChunk();
  assert.equal(Number.parseInt(chunk.toString("latin1", 0, 8), 16), chunk.length - 12);
  assert.equal(chunk.toString("latin1", 8, 10) + chunk.toString("latin1", chunk.length - 2), "\r\n\r\n");
  return Buffer.from(chunk.subarray(10, -2));
}
