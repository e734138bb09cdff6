import type { GatewayCall } from "../../api/gateway-backend.ts";
import type { ConversionTurns } from "./conversion-turns.ts";
import type { GatewayResponse } from "./exchange.ts";
import { WholeText } from "./whole-text.ts";

/** Bytes of messages beyond which the backend is asked to pause, and to which they must fall before it goes on. */
const PAUSE_BYTES = 1024 * 1024;
const RESUME_BYTES = 256 * 1024;
/** Beyond this a client that does not read is cut off, if the call cannot be made to wait. */
export const MAX_UNSENT_BYTES = 64 * 1024 * 1024;
/** What an empty piece counts: it has taken time too. */
const EMPTY_PIECE_CHARS = 32 * 1024;

interface Item {
  readonly pieces: Iterator<string>;
  readonly bytes: number;
  /** What has been made of a text that goes out as a whole; undefined when each of its pieces goes on by itself. */
  readonly made: WholeText | undefined;
}

/**
 * What goes to the client, in order, as fast as it reads: texts that are made piece by piece, when their turn comes.
 */
export class Outbox {
  readonly #response: GatewayResponse;
  readonly #turns: ConversionTurns;
  readonly #items: Item[] = [];
  #unsentBytes = 0;
  #blocked = false;
  #scheduled = false;
  #ending = false;
  #closed = false;
  #paused: GatewayCall | undefined;
  readonly #onDefect: (error: unknown) => void;

  /** `onDefect` is told of a text that could not be made or written; the exchange has been broken off. */
  constructor(
    response: GatewayResponse,
    turns: ConversionTurns,
    onDefect: (error: unknown) => void = () => {},
  ) {
    this.#response = response;
    this.#turns = turns;
    this.#onDefect = onDefect;
  }

  /** True when nothing waits, so that a text written now goes straight on. */
  get isIdle(): boolean {
    return !this.#blocked && this.#items.length === 0;
  }

  /**
   * Adds a text made from a message of `bytes` bytes, to be written piece by piece. `call` is paused while too much waits.
   * Returns false when the limit is passed: the exchange has been broken off.
   */
  add(pieces: Iterator<string>, bytes: number, call: GatewayCall | undefined): boolean {
    return this.#add({ pieces, bytes, made: undefined }, call);
  }

  /** The same for a text that is written as one, however many pieces it is made in. */
  addWhole(pieces: Iterator<string>, bytes: number, call: GatewayCall | undefined): boolean {
    return this.#add({ pieces, bytes, made: new WholeText() }, call);
  }

  #add(item: Item, call: GatewayCall | undefined): boolean {
    if (this.#closed || this.#ending) {
      item.pieces.return?.();
      return true;
    }
    this.#items.push(item);
    this.#unsentBytes += item.bytes;
    this.#pump();
    if (this.#unsentBytes <= PAUSE_BYTES || this.#paused !== undefined) return true;
    if (call?.pause !== undefined) {
      this.#paused = call;
      call.pause();
    } else if (this.#unsentBytes > MAX_UNSENT_BYTES) {
      this.close();
      this.#response.abort();
      return false;
    }
    return true;
  }

  /** Ends the response after what waits. */
  end(): void {
    this.#ending = true;
    this.#pump();
  }

  /** The client has gone. */
  close(): void {
    this.#closed = true;
    // Whoever makes the texts may hold something until it is told that no more are wanted.
    for (const { pieces } of this.#items.splice(0)) pieces.return?.();
  }

  drained(): void {
    this.#blocked = false;
    this.#pump();
  }

  #pump(): void {
    if (this.#scheduled) return;
    while (!this.#blocked && !this.#closed) {
      const item = this.#items[0];
      if (item === undefined) break;
      // Asked for each piece: a socket that takes everything at once drains within one turn.
      if (this.#turns.isUsedUp) {
        this.#scheduled = true;
        this.#turns.next(() => {
          this.#scheduled = false;
          try {
            this.#pump();
          } catch (error) {
            this.#break(error);
          }
        });
        return;
      }
      const piece = this.#next(item);
      if (piece !== undefined) this.#turns.spend(piece === "" ? EMPTY_PIECE_CHARS : piece.length);
      const parts = piece === undefined ? item.made?.finish() : partsOf(item, piece);
      if (!this.#closed && parts !== undefined && !this.#response.write(parts)) this.#blocked = true;
    }
    if (this.#paused !== undefined && this.#unsentBytes <= RESUME_BYTES) {
      const call = this.#paused;
      this.#paused = undefined;
      call.resume?.();
    }
    if (this.#ending && !this.#closed && this.#items.length === 0) {
      this.#closed = true;
      this.#response.end();
    }
  }

  #next(item: Item): string | undefined {
    try {
      const { done, value } = item.pieces.next();
      if (done !== true) return value;
    } catch (error) {
      // A message of ours that does not decode; the client must not take what it got for the whole.
      this.#break(error);
      return undefined;
    }
    this.#items.shift();
    this.#unsentBytes -= item.bytes;
    return undefined;
  }

  #break(error: unknown): void {
    this.#onDefect(error);
    this.close();
    this.#response.abort();
  }
}

/** What can be written now that `piece` has been made. */
function partsOf({ made }: Item, piece: string): Uint8Array[] | undefined {
  if (piece === "") return undefined;
  if (made === undefined) return [Buffer.from(piece)];
  made.add(piece);
  return undefined;
}
