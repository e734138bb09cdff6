import { type Message, MessageType, NONE } from "@quorate/raft";
import { messageSize, writeMessage } from "@quorate/wire/hot";
import type { ChunkBuffer } from "./chunk-buffer.ts";
import { MAX_FRAME_BYTES, readUint64, writeUint64 } from "./frame-bytes.ts";
import { FrameDecoder } from "./frame-decoder.ts";

/** `MsgHeartbeat` from nobody to nobody: a link is alive. Older releases write more fields; all of them are 0. */
export const MESSAGE_LINK_HEARTBEAT: Uint8Array = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 2, 8, 8);

const ENTRY_OVERHEAD_BYTES = 48;
const MESSAGE_OVERHEAD_BYTES = 160;

/** No fewer bytes than `message` takes on a stream of either kind. */
export function roomFor(message: Message): number {
  if (message.snapshot !== undefined || message.responses.length > 0) {
    return MESSAGE_OVERHEAD_BYTES + messageSize(message);
  }
  const { entries } = message;
  let bytes = MESSAGE_OVERHEAD_BYTES + (message.context?.length ?? 0) + entries.length * ENTRY_OVERHEAD_BYTES;
  for (let i = 0; i < entries.length; i++) bytes += entries[i]!.data.length;
  return bytes;
}

/** A frame of the message stream: length and message. */
export function writeMessageFrame(out: ChunkBuffer, message: Message): void {
  const start = out.at;
  out.at = writeMessage(out.bytes, start + 8, message);
  writeUint64(out.bytes, start, out.at - start - 8);
}

function isLinkHeartbeat(message: Message): boolean {
  return message.type === MessageType.MsgHeartbeat && message.from === NONE && message.to === NONE;
}

/** Reads a message stream, without its link heartbeats. */
export class MessageFrameDecoder extends FrameDecoder {
  #length: number | undefined;

  override push(chunk: Uint8Array, start: number, end: number, out: Message[]): number {
    const { pieces } = this;
    pieces.push(chunk, start, end);
    for (;;) {
      if (this.#length === undefined) {
        if (!pieces.take(8)) return end;
        this.#length = readUint64(pieces.bytes, pieces.at, MAX_FRAME_BYTES);
      }
      if (!pieces.take(this.#length)) return end;
      const size = this.#length;
      this.#length = undefined;
      if (!this.decodeMessage(size, out)) return pieces.position;
    }
  }

  protected override take(message: Message, out: Message[]): void {
    if (!isLinkHeartbeat(message)) out.push(message);
  }
}
