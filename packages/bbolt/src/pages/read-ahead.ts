import type { File } from "../disk/disk.ts";
import { PAGE_BRANCH } from "../format/page.ts";
import type { PageSource, Place } from "./page-source.ts";

/** Read at a time when pages are asked for in order: at first, and then twice as much whenever all of it was asked for. */
const LEAST_PIECE_BYTES = 16 << 10;
const MOST_PIECE_BYTES = 256 << 10;

interface Piece extends Place {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of its first page, and how many it has. */
  page: number;
  count: number;
}

/**
 * Pages for one who goes over many, mostly in the order of the file: they are read ahead, into two pieces of memory that take
 * turns, so that what was found last but one may be in use no more, branches apart. Nothing of the file is touched in mapped
 * memory, and nothing kept.
 */
export class ReadAheadPages implements PageSource {
  readonly #file: File;
  readonly #pageBytes: number;
  readonly #checked: PageSource | undefined;
  /** The one that was read last, and the one before. */
  #pieces: [Piece, Piece] | undefined;
  #pieceBytes = LEAST_PIECE_BYTES;
  /** Behind the page that was found last. */
  #next = -1;

  /** `checked`: which finds the same bytes, and so knows which pages are checked; unless given, each is checked when it is found. */
  constructor(file: File, pageBytes: number, checked?: PageSource) {
    this.#file = file;
    this.#pageBytes = pageBytes;
    this.#checked = checked;
  }

  locate(page: number, slots: number, place: Place): void {
    const length = slots * this.#pageBytes;
    const piece = this.#find(page, slots);
    this.#next = page + slots;
    if (piece === undefined) {
      const bytes = new Uint8Array(length);
      this.#file.readSync(bytes, page * this.#pageBytes);
      place.bytes = bytes;
      place.view = new DataView(bytes.buffer);
      place.at = 0;
      return;
    }
    const at = (page - piece.page) * this.#pageBytes;
    place.bytes = piece.bytes;
    place.view = piece.view;
    place.at = at;
    // Branches are used for as long as there are leaves below them.
    if (piece.view.getUint16(at + 8, true) !== PAGE_BRANCH) return;
    place.bytes = piece.bytes.slice(at, at + length);
    place.view = new DataView(place.bytes.buffer);
    place.at = 0;
  }

  isChecked(page: number): boolean {
    return this.#checked?.isChecked(page) === true;
  }

  markChecked(page: number): void {
    this.#checked?.markChecked(page);
  }

  /** All that was read ahead is forgotten. */
  forget(): void {
    this.#next = -1;
    for (const piece of this.#pieces ?? []) piece.count = 0;
  }

  close(): void {
    this.#pieces = undefined;
  }

  /** The piece that has the pages; undefined for those that are out of order, or too long. */
  #find(page: number, slots: number): Piece | undefined {
    const pieces = this.#pieces;
    if (pieces !== undefined) {
      for (const piece of pieces) {
        if (page >= piece.page && page + slots <= piece.page + piece.count) return piece;
      }
    }
    const isBehind = pieces !== undefined && page === pieces[0].page + pieces[0].count;
    if (!isBehind && page !== this.#next) return undefined;
    this.#pieceBytes = isBehind ? Math.min(2 * this.#pieceBytes, MOST_PIECE_BYTES) : LEAST_PIECE_BYTES;
    if (slots * this.#pageBytes > this.#pieceBytes) return undefined;
    const [last, piece] = pieces ?? [newPiece(), newPiece()];
    this.#pieces = [piece, last];
    const read = this.#file.readSync(piece.bytes.subarray(0, this.#pieceBytes), page * this.#pageBytes);
    piece.page = page;
    piece.count = Math.floor(read / this.#pageBytes);
    return piece.count >= slots ? piece : undefined;
  }
}

function newPiece(): Piece {
  const bytes = new Uint8Array(MOST_PIECE_BYTES);
  return { bytes, view: new DataView(bytes.buffer), at: 0, page: 0, count: 0 };
}
