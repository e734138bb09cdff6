import { HpackDecoder } from "../hpack/decoder.ts";
import type { HeaderField } from "../hpack/field.ts";
import type { Http2Connection } from "../http2/connection.ts";
import * as h2 from "../http2/protocol.ts";
import type { OpenTransport, TransportCallbacks } from "../net/transport.ts";
import { concat, parseFrames, type RawFrame, settings } from "./raw-frames.ts";

/**
 * The other side of a connection, played by hand: it sends whatever octets a test wants and records the frames that come
 * back. Pass {@link open} where a transport is expected.
 */
export class RawClient {
  readonly frames: RawFrame[] = [];
  /** Response and trailer blocks in order, decoded. */
  readonly blocks: { readonly id: number; readonly fields: Record<string, string> }[] = [];
  closed = false;
  /** While set, nothing the connection wants to send is taken: a peer that does not read. */
  blocked = false;
  connection: Http2Connection | undefined;
  #callbacks: TransportCallbacks | undefined;
  #rest: Uint8Array = new Uint8Array(0);
  readonly #decoder = new HpackDecoder(4096, 1_000_000);

  readonly open: OpenTransport = (connection, callbacks) => {
    this.connection = connection;
    this.#callbacks = callbacks;
    return { flush: () => this.flush(), destroy: () => this.close() };
  };

  /** The preface with SETTINGS, as a well-behaved client begins. */
  greet(...pairs: [id: number, value: number][]): void {
    this.send(concat(h2.CLIENT_PREFACE, settings(...pairs)));
  }

  /** Sends octets, and takes what comes back. */
  send(...parts: readonly Uint8Array[]): void {
    const bytes = concat(...parts);
    if (this.closed) return;
    this.connection!.receive(bytes, 0, bytes.length);
    bytes.fill(0xee);
    this.flush();
  }

  flush(): void {
    const connection = this.connection!;
    connection.flushPending = false;
    connection.transportBlocked = this.blocked;
    if (this.blocked || this.closed) return;
    for (;;) {
      const more = connection.pump(131_072);
      const { output } = connection;
      for (let i = 0; i < output.fullChunks.length; i++) {
        this.#take(output.fullChunks[i]!.subarray(0, output.fullLengths[i]!));
      }
      this.#take(output.bytes.subarray(0, output.length));
      output.clear();
      if (!more) break;
    }
    if (connection.finished) this.close();
  }

  #take(bytes: Uint8Array): void {
    this.#rest = concat(this.#rest, bytes);
    const frames = parseFrames(this.#rest);
    const taken = frames.reduce((sum, { payload }) => sum + h2.FRAME_HEADER_LENGTH + payload.length, 0);
    this.#rest = this.#rest.slice(taken);
    for (const received of frames) {
      this.frames.push(received);
      if (received.type !== h2.FRAME_HEADERS) continue;
      const fields: HeaderField[] = [];
      this.#decoder.decode(received.payload, 0, received.payload.length, fields);
      this.blocks.push({
        id: received.id,
        fields: Object.fromEntries(fields.map(({ name, value }) => [name, value])),
      });
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#callbacks?.onClosed();
  }

  /** Frames of a type, optionally of one stream. */
  of(type: number, id?: number): RawFrame[] {
    return this.frames.filter(
      (received) => received.type === type && (id === undefined || received.id === id),
    );
  }

  /** The error code of the first RST_STREAM on `id`. */
  resetCode(id: number): number | undefined {
    return code(this.of(h2.FRAME_RST_STREAM, id)[0], 0);
  }

  /** Error code and debug text of the last GOAWAY. */
  goAway(): { code: number; debug: string } | undefined {
    const last = this.of(h2.FRAME_GOAWAY).at(-1);
    if (last === undefined) return undefined;
    return { code: code(last, 4)!, debug: new TextDecoder().decode(last.payload.subarray(8)) };
  }

  /** All DATA octets of a stream. */
  body(id: number): Uint8Array {
    return concat(...this.of(h2.FRAME_DATA, id).map(({ payload }) => payload));
  }
}

function code(received: RawFrame | undefined, at: number): number | undefined {
  return received === undefined ? undefined : new DataView(received.payload.buffer).getUint32(at);
}
