import { DECODE_FAILED, DECODED, DECODED_TOO_LARGE, fieldAt, latin1, scratchFor } from "./decoder.ts";
import type { DynamicTable } from "./dynamic-table.ts";
import {
  classifyName,
  FIELD_INVALID,
  FIELD_OTHER,
  fieldNamed,
  type HeaderField,
  kindOfName,
} from "./field.ts";
import { HuffmanPieces, INVALID_HUFFMAN } from "./huffman.ts";

/** What the next octet belongs to. */
type Expected = "field" | "index" | "name index" | "table size" | "string" | "string length" | "text";

/** Beyond this many bits an integer is over anything legal. */
const LAST_SHIFT = 21;

/**
 * Decodes header blocks that come in several frames, as far as each goes: the work for a frame is as large as the frame,
 * whatever the block is. It shares the table of the connection's `HpackDecoder`, which decodes whole blocks faster.
 */
export class PiecewiseDecoder {
  /** The size of the list so far, counted like a table's. */
  listBytes = 0;
  readonly #table: DynamicTable;
  readonly #tableLimit: number;
  readonly #maxListSize: number;
  #expected: Expected = "field";
  #sawField = false;
  /** The integer in work, the weight of its next octet, and what it is. */
  #integer = 0;
  #shift = 0;
  #integerIs: Expected = "field";
  /** The literal in work. */
  #indexing = false;
  #name = "";
  #nameKind = FIELD_OTHER;
  #hasName = false;
  /** The string in work: what of it has come, and how many octets have not. */
  #text = "";
  #textKind = FIELD_OTHER;
  #missing = 0;
  #isHuffman = false;
  readonly #huffman = new HuffmanPieces();

  /** `tableLimit` and `maxListSize` as for `HpackDecoder`. */
  constructor(table: DynamicTable, tableLimit: number, maxListSize: number) {
    this.#table = table;
    this.#tableLimit = tableLimit;
    this.#maxListSize = maxListSize;
  }

  /** A new block begins. */
  begin(): void {
    this.listBytes = 0;
    this.#expected = "field";
    this.#sawField = false;
    this.#text = "";
  }

  /** Takes the block's next piece, which is only borrowed, and appends the fields that it completes. False: malformed. */
  push(bytes: Uint8Array, start: number, end: number, fields: HeaderField[]): boolean {
    let position = start;
    while (position < end) {
      if (this.#expected === "text") {
        const count = Math.min(end - position, this.#missing);
        if (!this.#takeText(bytes, position, position + count, fields)) return false;
        position += count;
      } else if (!this.#takeOctet(bytes[position++]!, fields)) return false;
    }
    return true;
  }

  /** The block is complete; the verdict is one of `HpackDecoder.decode`. */
  end(): number {
    if (this.#expected !== "field") return DECODE_FAILED;
    return this.listBytes > this.#maxListSize ? DECODED_TOO_LARGE : DECODED;
  }

  #takeOctet(octet: number, fields: HeaderField[]): boolean {
    if (this.#expected === "field") return this.#beginField(octet, fields);
    if (this.#expected === "string") {
      this.#isHuffman = octet >= 0x80;
      return this.#beginInteger("string length", octet, 0x7f, fields);
    }
    if (this.#shift > LAST_SHIFT) return false;
    this.#integer += (octet & 0x7f) * 2 ** this.#shift;
    this.#shift += 7;
    return octet >= 0x80 || this.#takeInteger(fields);
  }

  #beginField(octet: number, fields: HeaderField[]): boolean {
    if (octet >= 0x80) return this.#beginInteger("index", octet, 0x7f, fields);
    this.#indexing = octet >= 0x40;
    if (this.#indexing) return this.#beginInteger("name index", octet, 0x3f, fields);
    if (octet < 0x20) return this.#beginInteger("name index", octet, 0x0f, fields);
    // A size update is legal only at the start of a block.
    return !this.#sawField && this.#beginInteger("table size", octet, 0x1f, fields);
  }

  #beginInteger(what: Expected, octet: number, mask: number, fields: HeaderField[]): boolean {
    this.#integer = octet & mask;
    this.#integerIs = what;
    if (this.#integer < mask) return this.#takeInteger(fields);
    this.#shift = 0;
    this.#expected = what;
    return true;
  }

  #takeInteger(fields: HeaderField[]): boolean {
    const value = this.#integer;
    if (this.#integerIs === "string length") {
      this.#beginText(value);
      return value > 0 || this.#finishText(fields);
    }
    if (this.#integerIs === "table size") {
      if (value > this.#tableLimit) return false;
      this.#table.resize(value);
      this.#expected = "field";
      return true;
    }
    const known = fieldAt(this.#table, value);
    if (this.#integerIs === "index") return known !== undefined && this.#finishField(known, fields);
    this.#expected = "string";
    this.#hasName = value > 0;
    if (value === 0) return true;
    if (known === undefined) return false;
    this.#name = known.name;
    this.#nameKind = known.nameKind;
    return true;
  }

  #beginText(length: number): void {
    this.#expected = "text";
    this.#missing = length;
    this.#text = "";
    this.#textKind = FIELD_OTHER;
    if (this.#isHuffman) this.#huffman.begin();
  }

  #takeText(bytes: Uint8Array, start: number, end: number, fields: HeaderField[]): boolean {
    let part: string;
    if (this.#isHuffman) {
      const target = scratchFor((end - start) * 2);
      const length = this.#huffman.decode(bytes, start, end, target);
      if (length === INVALID_HUFFMAN) return false;
      part = latin1(target, 0, length);
    } else part = latin1(bytes, start, end);
    // Of a name each part is looked at while it is here, so that a long one is no work at its end.
    if (!this.#hasName && part !== "" && classifyName(part) === FIELD_INVALID) this.#textKind = FIELD_INVALID;
    this.#text += part;
    this.#missing -= end - start;
    if (this.#missing > 0) return true;
    return (!this.#isHuffman || this.#huffman.mayEnd) && this.#finishText(fields);
  }

  #finishText(fields: HeaderField[]): boolean {
    const text = this.#text;
    this.#text = "";
    if (this.#hasName) {
      const field = fieldNamed(this.#name, this.#nameKind, text);
      if (this.#indexing) this.#table.insert(field);
      return this.#finishField(field, fields);
    }
    this.#name = text;
    this.#nameKind = kindOfName(text, text === "" ? FIELD_INVALID : this.#textKind);
    this.#hasName = true;
    this.#expected = "string";
    return true;
  }

  #finishField(field: HeaderField, fields: HeaderField[]): boolean {
    this.#expected = "field";
    this.#sawField = true;
    this.listBytes += field.size;
    if (this.listBytes <= this.#maxListSize) fields.push(field);
    return true;
  }
}
