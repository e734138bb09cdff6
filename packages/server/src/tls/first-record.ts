import type net from "node:net";

const HANDSHAKE_RECORD = 0x16;
const HEADER_BYTES = 5;
/** A longer record is none. */
const LONGEST_RECORD_BYTES = 16_384 + 256;

export interface FirstRecordEvents {
  /** The first octets have come. */
  onStart(): void;
  /** The record has come whole, or enough to show that it is none. What was read has been put back. */
  onRecord(): void;
  /** Nothing can come any more. */
  onEnd(): void;
}

/** Reads the first record of a handshake. Returns what ends that. */
export function awaitFirstRecord(socket: net.Socket, events: FirstRecordEvents): () => void {
  let received: Buffer[] = [];
  let length = 0;
  // Less than a header shows nothing.
  let wanted = HEADER_BYTES;
  const stop = () => {
    socket.off("readable", onReadable);
    socket.off("end", onEnd);
    socket.off("close", onEnd);
  };
  const onEnd = () => {
    stop();
    events.onEnd();
  };
  const onReadable = () => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    if (length === 0) {
      events.onStart();
      if (chunk[0] !== HANDSHAKE_RECORD) wanted = chunk.length;
    }
    received.push(chunk);
    length += chunk.length;
    // What is put back is readable again at once: only what is whole is.
    if (length < wanted) return;
    if (received.length > 1) received = [Buffer.concat(received)];
    const start = received[0]!;
    wanted = recordBytes(start);
    if (length < wanted) return;
    stop();
    socket.unshift(start);
    events.onRecord();
  };
  socket.on("end", onEnd);
  socket.on("close", onEnd);
  socket.on("readable", onReadable);
  return stop;
}

/** Of at least a header: how long the record is, with it; no longer than `start` when it is none of a handshake. */
function recordBytes(start: Buffer): number {
  if (start[0] !== HANDSHAKE_RECORD) return start.length;
  return HEADER_BYTES + Math.min(start.readUInt16BE(3), LONGEST_RECORD_BYTES);
}
