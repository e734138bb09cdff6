import { OutputBuffer } from "./output-buffer.ts";
import * as h2 from "./protocol.ts";

/** Appends frames to a connection's output. */
export abstract class FrameWriter {
  readonly output = new OutputBuffer();
  /** A flush has been asked for and has not come yet. Cleared by the transport. */
  flushPending = false;

  /** While set, whoever set it will ask for the flush. */
  #gathering = false;

  /** There is output now, or a stream can go on; called once a flush. */
  protected abstract onOutput(): void;
  /** The same, after a gathered piece of work: every frame is complete. */
  protected abstract onGathered(): void;

  /** Asks for a flush, at the latest at the end of the turn. */
  requestFlush(): void {
    if (this.flushPending) return;
    this.flushPending = true;
    if (!this.#gathering) this.onOutput();
  }

  /**
   * Begins a piece of work that may produce output. Returns true when {@link endGathering} must be called after it: then
   * this is the outermost piece, and no flush has been asked for before.
   */
  beginGathering(): boolean {
    if (this.#gathering || this.flushPending) return false;
    this.#gathering = true;
    return true;
  }

  endGathering(): void {
    this.#gathering = false;
    if (this.flushPending) this.onGathered();
  }

  /** Starts a frame; the caller then appends `length` octets of payload. */
  writeFrameHeader(length: number, type: number, flags: number, id: number): void {
    const { output } = this;
    output.reserve(h2.FRAME_HEADER_LENGTH);
    const { bytes } = output;
    const at = output.length;
    bytes[at] = length >>> 16;
    bytes[at + 1] = length >>> 8;
    bytes[at + 2] = length;
    bytes[at + 3] = type;
    bytes[at + 4] = flags;
    bytes[at + 5] = id >>> 24;
    bytes[at + 6] = id >>> 16;
    bytes[at + 7] = id >>> 8;
    bytes[at + 8] = id;
    output.length = at + h2.FRAME_HEADER_LENGTH;
    if (!this.flushPending) this.requestFlush();
  }

  protected writeSettings(settings: readonly (readonly [id: number, value: number])[]): void {
    this.writeFrameHeader(settings.length * 6, h2.FRAME_SETTINGS, 0, 0);
    const { output } = this;
    for (const [id, value] of settings) {
      output.reserve(6);
      output.bytes.writeUInt16BE(id, output.length);
      output.length += 2;
      this.#writeUint32(value);
    }
  }

  protected writeSettingsAck(): void {
    this.writeFrameHeader(0, h2.FRAME_SETTINGS, h2.FLAG_ACK, 0);
  }

  protected writeWindowUpdate(id: number, increment: number): void {
    this.writeFrameHeader(4, h2.FRAME_WINDOW_UPDATE, 0, id);
    this.#writeUint32(increment);
  }

  protected writeRstStream(id: number, code: number): void {
    this.writeFrameHeader(4, h2.FRAME_RST_STREAM, 0, id);
    this.#writeUint32(code);
  }

  /** `data` has 8 octets. */
  protected writePing(data: Uint8Array, flags: number): void {
    this.writeFrameHeader(8, h2.FRAME_PING, flags, 0);
    this.output.append(data);
  }

  protected writeGoAway(lastStreamId: number, code: number, debugData: string): void {
    const debug = new TextEncoder().encode(debugData);
    this.writeFrameHeader(8 + debug.length, h2.FRAME_GOAWAY, 0, 0);
    this.#writeUint32(lastStreamId);
    this.#writeUint32(code);
    this.output.append(debug);
  }

  /** A block that is longer than a frame goes on in CONTINUATION frames. */
  protected writeBlock(id: number, block: Uint8Array, endFlag: number, maxFrame: number): void {
    if (block.length <= maxFrame) {
      this.writeFrameHeader(block.length, h2.FRAME_HEADERS, h2.FLAG_END_HEADERS | endFlag, id);
      this.output.append(block);
      return;
    }
    for (let offset = 0; offset < block.length; offset += maxFrame) {
      const part = block.subarray(offset, offset + maxFrame);
      const endHeaders = offset + maxFrame >= block.length ? h2.FLAG_END_HEADERS : 0;
      if (offset === 0) this.writeFrameHeader(part.length, h2.FRAME_HEADERS, endFlag, id);
      else this.writeFrameHeader(part.length, h2.FRAME_CONTINUATION, endHeaders, id);
      this.output.append(part);
    }
  }

  #writeUint32(value: number): void {
    const { output } = this;
    output.reserve(4);
    output.bytes.writeUInt32BE(value, output.length);
    output.length += 4;
  }
}
