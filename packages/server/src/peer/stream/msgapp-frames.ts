import {
  type Entry,
  type LogIndex,
  type Message,
  MessageType,
  NO_DATA,
  type NodeId,
  newMessage,
} from "@quorate/raft";
import { decodeEntry, writeEntry, writeMessage } from "@quorate/wire/hot";
import type { ChunkBuffer } from "./chunk-buffer.ts";
import { FrameError, MAX_FRAME_BYTES, readUint64, writeUint64 } from "./frame-bytes.ts";
import { FrameDecoder } from "./frame-decoder.ts";

const LINK_HEARTBEAT = 0;
/** Entries that follow the message before, without what can be known from it. */
const APP_ENTRIES = 1;
const MESSAGE = 2;

export const MSGAPP_LINK_HEARTBEAT: Uint8Array = Uint8Array.of(LINK_HEARTBEAT);

/** Beyond what raft puts into one message; a sender that announces more is no member. */
const MAX_ENTRIES = 2 ** 20;

/**
 * Writes a msgapp stream. It remembers where the message before ended; the reader does likewise, so one of these belongs
 * to one connection, and sees exactly the messages that go out on it.
 */
export class MsgAppEncoder {
  #term = 0;
  #index = 0;

  write(out: ChunkBuffer, message: Message): void {
    const { entries, index, logTerm, term } = message;
    if (this.#index === index && this.#term === logTerm && logTerm === term) {
      out.bytes[out.at] = APP_ENTRIES;
      writeEntries(out, entries);
      out.at = writeUint64(out.bytes, out.at, message.commit);
      this.#index += entries.length;
      return;
    }
    const start = out.at;
    out.bytes[start] = MESSAGE;
    out.at = writeMessage(out.bytes, start + 9, message);
    writeUint64(out.bytes, start + 1, out.at - start - 9);
    this.#term = term;
    this.#index = entries.at(-1)?.index ?? index;
  }
}

/** Count and entries. All followers that keep up get the same ones, so the bytes are made once. */
function writeEntries(out: ChunkBuffer, entries: readonly Entry[]): void {
  const { bytes } = out;
  const start = out.at + 1;
  const first = entries[0];
  const last = entries[entries.length - 1];
  const shared = out.sharedEntries;
  if (
    shared !== undefined &&
    shared.first === first &&
    shared.last === last &&
    shared.count === entries.length
  ) {
    bytes.copyWithin(start, shared.start, shared.end);
    out.at = start + shared.end - shared.start;
    return;
  }
  let pos = writeUint64(bytes, start, entries.length);
  for (let i = 0; i < entries.length; i++) {
    const sizeAt = pos;
    pos = writeEntry(bytes, sizeAt + 8, entries[i]!);
    writeUint64(bytes, sizeAt, pos - sizeAt - 8);
  }
  out.at = pos;
  if (first !== undefined && last !== undefined) {
    out.sharedEntries = { first, last, count: entries.length, start, end: pos };
  }
}

type Expected = "kind" | "count" | "entrySize" | "entry" | "commit" | "messageSize" | "message";

/** Reads a msgapp stream. */
export class MsgAppDecoder extends FrameDecoder {
  readonly #remoteId: NodeId;
  readonly #localId: NodeId;
  #term = 0;
  #index = 0;
  #expected: Expected = "kind";
  /** Of the entry or message that is expected. */
  #size = 0;
  #count = 0;
  #entries: Entry[] = [];
  #entryBytes = 0;

  constructor(remoteId: NodeId, localId: NodeId) {
    super();
    this.#remoteId = remoteId;
    this.#localId = localId;
  }

  override push(chunk: Uint8Array, start: number, end: number, out: Message[]): number {
    const { pieces } = this;
    pieces.push(chunk, start, end);
    for (;;) {
      switch (this.#expected) {
        case "kind":
          if (!pieces.take(1)) return end;
          this.#expected = afterKind(pieces.bytes[pieces.at]!);
          break;
        case "count":
          if (!pieces.take(8)) return end;
          this.#count = readUint64(pieces.bytes, pieces.at, MAX_ENTRIES);
          this.#entries = [];
          this.#entryBytes = 0;
          this.#expected = this.#count === 0 ? "commit" : "entrySize";
          break;
        case "entrySize":
          if (!pieces.take(8)) return end;
          this.#size = readUint64(pieces.bytes, pieces.at, MAX_FRAME_BYTES - this.#entryBytes);
          this.#entryBytes += this.#size;
          this.#expected = "entry";
          break;
        case "entry":
          if (!pieces.take(this.#size)) return end;
          this.#takeEntry(decodeEntry(pieces.bytes, pieces.at, pieces.at + this.#size, NO_DATA));
          break;
        case "commit":
          if (!pieces.take(8)) return end;
          out.push(this.#appended(readUint64(pieces.bytes, pieces.at, Number.MAX_SAFE_INTEGER)));
          break;
        case "messageSize":
          if (!pieces.take(8)) return end;
          this.#size = readUint64(pieces.bytes, pieces.at, MAX_FRAME_BYTES);
          this.#expected = "message";
          break;
        case "message":
          if (!pieces.take(this.#size)) return end;
          this.#expected = "kind";
          if (!this.decodeMessage(this.#size, out)) return pieces.position;
          break;
      }
    }
  }

  #takeEntry(entry: Entry): void {
    // Both sides must agree where a message begins: an entry elsewhere would silently damage the log.
    if (entry.index !== this.#index + this.#entries.length + 1) {
      throw new FrameError(`entry ${entry.index} does not follow ${this.#index + this.#entries.length}`);
    }
    this.#entries.push(entry);
    this.entryCount++;
    this.#expected = this.#entries.length < this.#count ? "entrySize" : "commit";
  }

  #appended(commit: LogIndex): Message {
    const message = newMessage(MessageType.MsgApp, this.#localId);
    message.from = this.#remoteId;
    message.term = this.#term;
    message.logTerm = this.#term;
    message.index = this.#index;
    message.entries = this.#entries;
    message.commit = commit;
    this.#index += this.#entries.length;
    this.#entries = [];
    this.#expected = "kind";
    return message;
  }

  protected override take(message: Message, out: Message[]): void {
    this.#term = message.term;
    this.#index = message.entries.at(-1)?.index ?? message.index;
    out.push(message);
  }
}

function afterKind(kind: number): Expected {
  if (kind === LINK_HEARTBEAT) return "kind";
  if (kind === APP_ENTRIES) return "count";
  if (kind === MESSAGE) return "messageSize";
  throw new FrameError(`failed to parse type ${kind} in msgappv2 stream`);
}
