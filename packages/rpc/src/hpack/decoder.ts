import { Buffer } from "node:buffer";
import { DynamicTable } from "./dynamic-table.ts";
import { fieldNamed, type HeaderField, headerField } from "./field.ts";
import { decodeHuffman, INVALID_HUFFMAN } from "./huffman.ts";
import { STATIC_TABLE, STATIC_TABLE_LENGTH } from "./static-table.ts";

/** The block was decoded. */
export const DECODED = 0;
/** The block was decoded and the dynamic table is in step, but the list was over the limit and is incomplete. */
export const DECODED_TOO_LARGE = 1;
/** The block is malformed: the connection cannot go on (COMPRESSION_ERROR). */
export const DECODE_FAILED = 2;

/** Where Huffman text is unpacked; a string is copied out of it at once, so all decoders share it. */
let scratch = Buffer.allocUnsafeSlow(4096);
/** What is longer gets memory of its own, which is not kept. */
const LARGEST_SCRATCH = 131_072;

/** An HPACK decoder (RFC 7541). It never throws; {@link decode} returns a verdict. */
export class HpackDecoder {
  readonly table: DynamicTable;
  /** The size of the list that was decoded last, whole or not, counted like a table's. */
  listBytes = 0;
  /** The most that the peer may resize the table to: our acknowledged SETTINGS_HEADER_TABLE_SIZE. */
  readonly #tableLimit: number;
  /** The most octets a decoded header list may have, counted like a table's size. */
  readonly #maxListSize: number;
  // Cursor of the block in work; `#failed` replaces exceptions, which are slow and easy to lose.
  #block: Uint8Array = EMPTY;
  #position = 0;
  #end = 0;
  #failed = false;

  constructor(tableLimit: number, maxListSize: number) {
    this.table = new DynamicTable(tableLimit);
    this.#tableLimit = tableLimit;
    this.#maxListSize = maxListSize;
  }

  /** Decodes `block[start, end)`, which is only borrowed, and appends its fields to `fields`. */
  decode(block: Uint8Array, start: number, end: number, fields: HeaderField[]): number {
    this.#block = block;
    this.#position = start;
    this.#end = end;
    this.#failed = false;
    const verdict = this.#decodeFields(fields);
    this.#block = EMPTY;
    return verdict;
  }

  #decodeFields(fields: HeaderField[]): number {
    const table = this.table;
    let listSize = 0;
    let sawField = false;
    while (this.#position < this.#end) {
      const first = this.#block[this.#position]!;
      let field: HeaderField;
      if (first >= 0x80) {
        const indexed = fieldAt(table, this.#integer(7));
        if (indexed === undefined) return DECODE_FAILED;
        field = indexed;
      } else if (first >= 0x40) {
        const literal = this.#literal(6);
        if (literal === undefined) return DECODE_FAILED;
        field = literal;
        table.insert(field);
      } else if (first >= 0x20) {
        // A size update is legal only at the start of a block.
        const size = this.#integer(5);
        if (this.#failed || sawField || size > this.#tableLimit) return DECODE_FAILED;
        table.resize(size);
        continue;
      } else {
        const literal = this.#literal(4);
        if (literal === undefined) return DECODE_FAILED;
        field = literal;
      }
      sawField = true;
      listSize += field.size;
      if (listSize <= this.#maxListSize) fields.push(field);
    }
    this.listBytes = listSize;
    return listSize > this.#maxListSize ? DECODED_TOO_LARGE : DECODED;
  }

  #literal(prefixBits: number): HeaderField | undefined {
    const index = this.#integer(prefixBits);
    if (index === 0) {
      const name = this.#string();
      const value = this.#string();
      return this.#failed ? undefined : headerField(name, value);
    }
    const named = fieldAt(this.table, index);
    if (named === undefined) return undefined;
    const value = this.#string();
    return this.#failed ? undefined : fieldNamed(named.name, named.nameKind, value);
  }

  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#block[this.#position++]! & mask;
    if (value < mask) return value;
    // Four continuation octets reach 2^28, far over anything legal here.
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#position >= this.#end) break;
      const octet = this.#block[this.#position++]!;
      value += (octet & 0x7f) * 2 ** shift;
      if (octet < 0x80) return value;
    }
    this.#failed = true;
    return 0;
  }

  #string(): string {
    if (this.#failed || this.#position >= this.#end) {
      this.#failed = true;
      return "";
    }
    const huffman = this.#block[this.#position]! >= 0x80;
    const length = this.#integer(7);
    const start = this.#position;
    const end = start + length;
    if (this.#failed || end > this.#end) {
      this.#failed = true;
      return "";
    }
    this.#position = end;
    if (!huffman) return latin1(this.#block, start, end);
    const target = scratchFor(length * 2);
    const decoded = decodeHuffman(this.#block, start, end, target);
    if (decoded === INVALID_HUFFMAN) {
      this.#failed = true;
      return "";
    }
    return latin1(target, 0, decoded);
  }
}

const EMPTY = new Uint8Array(0);

/** What an index means; undefined when it means nothing. */
export function fieldAt(table: DynamicTable, index: number): HeaderField | undefined {
  if (index <= STATIC_TABLE_LENGTH) return index === 0 ? undefined : STATIC_TABLE[index]!;
  return index <= STATIC_TABLE_LENGTH + table.length ? table.get(index - STATIC_TABLE_LENGTH - 1) : undefined;
}

/** Memory for Huffman text of `length` octets, until it is asked for again. */
export function scratchFor(length: number): Buffer {
  if (length <= scratch.length) return scratch;
  const larger = Buffer.allocUnsafeSlow(length);
  if (length <= LARGEST_SCRATCH) scratch = larger;
  return larger;
}

/** One octet a character. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length <= 12) {
    let text = "";
    for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
    return text;
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString("latin1");
}
