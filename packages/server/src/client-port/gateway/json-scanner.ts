import { GrowingBytes } from "@quorate/rpc/server";
import { RequestError } from "../../errors.ts";

/** What is wrong with the JSON of a body, in the words of Go's decoder. */
export class JsonSyntaxError extends RequestError {}

/** Deeper nesting is an error, in any JSON at all. */
const MAX_DEPTH = 10_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const ZERO = 0x30;

/** What the next byte must be or continue. */
const State = {
  beginValue: 0,
  beginFirstElement: 1,
  beginFirstKey: 2,
  beginKey: 3,
  afterKey: 4,
  afterPair: 5,
  afterElement: 6,
  inString: 7,
  inEscape: 8,
  inUnicodeEscape: 9,
  inLiteral: 10,
  afterMinus: 11,
  afterZero: 12,
  inInteger: 13,
  afterPoint: 14,
  inFraction: 15,
  afterExponent: 16,
  afterExponentSign: 17,
  inExponent: 18,
} as const;
type State = (typeof State)[keyof typeof State];

/**
 * Finds the extent of the JSON values in a body that arrives in pieces: values follow each other with any whitespace
 * between them, or none. Checks syntax only; what a value means is decided when it is complete. Holds no more than one
 * value, and none longer than `maxValueBytes`.
 */
export class JsonScanner {
  readonly #maxValueBytes: number;
  #state: State = State.beginValue;
  /** One byte per open object or array: the byte that closes it. */
  readonly #open: number[] = [];
  #stringIsKey = false;
  #hexDigits = 0;
  #literal = "";
  #literalIndex = 0;
  /** What has come of the value that is being read. */
  readonly #read = new GrowingBytes();
  #inValue = false;

  constructor(maxValueBytes: number) {
    this.#maxValueBytes = maxValueBytes;
  }

  /** Bytes of the value that has been begun and is not complete. */
  get pendingBytes(): number {
    return this.#read.length;
  }

  /**
   * Reads `chunk` from `from` up to the end of a value. Returns the position after it and the value's bytes (owned), or
   * undefined when the chunk ended first. Throws JsonSyntaxError, or `ValueTooLong`; the scanner is of no use then.
   */
  next(chunk: Uint8Array, from: number): { end: number; value: Uint8Array } | undefined {
    let pos = from;
    if (!this.#inValue) {
      while (pos < chunk.length && isSpace(chunk[pos]!)) pos++;
      if (pos === chunk.length) return undefined;
      this.#inValue = true;
    }
    const start = pos;
    for (;;) {
      if (pos === chunk.length) {
        this.#keep(chunk, start, chunk.length);
        return undefined;
      }
      if (this.#state === State.inString) {
        pos = this.#skipPlain(chunk, pos);
        if (pos === chunk.length) continue;
      }
      const byte = chunk[pos]!;
      const used = this.#step(byte);
      if (used) pos++;
      if (this.#complete) {
        this.#keep(chunk, start, pos);
        return { end: pos, value: this.#take() };
      }
    }
  }

  /** The body has ended: a last value that only the end completes (a number), or undefined. Throws JsonSyntaxError. */
  finish(): Uint8Array | undefined {
    if (!this.#inValue) return undefined;
    if (this.#open.length === 0 && this.#atNumberEnd()) return this.#take();
    throw new JsonSyntaxError("BODY_ENDS_EARLY");
  }

  #complete = false;

  #keep(chunk: Uint8Array, start: number, end: number): void {
    const bytes = this.#read.length + end - start;
    if (bytes > this.#maxValueBytes) throw new ValueTooLong(bytes);
    this.#read.append(chunk, start, end);
  }

  #take(): Uint8Array {
    const value = this.#read.take();
    this.#inValue = false;
    this.#complete = false;
    this.#state = State.beginValue;
    return value;
  }

  /** Bytes of a string that are themselves. */
  #skipPlain(chunk: Uint8Array, from: number): number {
    let pos = from;
    while (pos < chunk.length) {
      const byte = chunk[pos]!;
      if (byte === QUOTE || byte === BACKSLASH || byte < 0x20) break;
      pos++;
    }
    return pos;
  }

  /** Takes one byte; false if it belongs to what follows a number, and the number is over. */
  #step(byte: number): boolean {
    switch (this.#state) {
      case State.beginFirstElement:
        if (isSpace(byte)) return true;
        if (byte === CLOSE_BRACKET) return this.#close();
        return this.#begin(byte);
      case State.beginValue:
        if (isSpace(byte)) return true;
        return this.#begin(byte);
      case State.beginFirstKey:
        if (isSpace(byte)) return true;
        if (byte === CLOSE_BRACE) return this.#close();
        return this.#beginKey(byte);
      case State.beginKey:
        if (isSpace(byte)) return true;
        return this.#beginKey(byte);
      case State.afterKey:
        if (isSpace(byte)) return true;
        if (byte !== COLON) throw invalid(byte, "after object key");
        this.#state = State.beginValue;
        return true;
      case State.afterPair:
        if (isSpace(byte)) return true;
        if (byte === CLOSE_BRACE) return this.#close();
        if (byte !== COMMA) throw invalid(byte, "after object key:value pair");
        this.#state = State.beginKey;
        return true;
      case State.afterElement:
        if (isSpace(byte)) return true;
        if (byte === CLOSE_BRACKET) return this.#close();
        if (byte !== COMMA) throw invalid(byte, "after array element");
        this.#state = State.beginValue;
        return true;
      case State.inString:
        return this.#inString(byte);
      case State.inEscape:
        return this.#inEscape(byte);
      case State.inUnicodeEscape:
        if (!isHexDigit(byte)) throw invalid(byte, "in \\u hexadecimal character escape");
        if (++this.#hexDigits === 4) this.#state = State.inString;
        return true;
      case State.inLiteral:
        return this.#inLiteral(byte);
      default:
        return this.#inNumber(byte);
    }
  }

  #begin(byte: number): boolean {
    switch (byte) {
      case OPEN_BRACE:
        this.#push(CLOSE_BRACE);
        this.#state = State.beginFirstKey;
        return true;
      case OPEN_BRACKET:
        this.#push(CLOSE_BRACKET);
        this.#state = State.beginFirstElement;
        return true;
      case QUOTE:
        this.#stringIsKey = false;
        this.#state = State.inString;
        return true;
      case 0x2d:
        this.#state = State.afterMinus;
        return true;
      case ZERO:
        this.#state = State.afterZero;
        return true;
      case 0x74:
        return this.#beginLiteral("true");
      case 0x66:
        return this.#beginLiteral("false");
      case 0x6e:
        return this.#beginLiteral("null");
      default:
        if (!isDigit(byte)) throw invalid(byte, "looking for beginning of value");
        this.#state = State.inInteger;
        return true;
    }
  }

  #beginKey(byte: number): boolean {
    if (byte !== QUOTE) throw invalid(byte, "looking for beginning of object key string");
    this.#stringIsKey = true;
    this.#state = State.inString;
    return true;
  }

  #push(closer: number): void {
    if (this.#open.length === MAX_DEPTH) throw invalid(closer - 2, "exceeded max depth");
    this.#open.push(closer);
  }

  #close(): boolean {
    this.#open.pop();
    this.#endValue();
    return true;
  }

  #endValue(): void {
    if (this.#open.length === 0) this.#complete = true;
    else this.#state = this.#open.at(-1) === CLOSE_BRACE ? State.afterPair : State.afterElement;
  }

  #inString(byte: number): boolean {
    if (byte === QUOTE) {
      if (this.#stringIsKey) this.#state = State.afterKey;
      else this.#endValue();
      this.#stringIsKey = false;
    } else if (byte === BACKSLASH) {
      this.#state = State.inEscape;
    } else {
      throw invalid(byte, "in string literal");
    }
    return true;
  }

  #inEscape(byte: number): boolean {
    if (byte === 0x75) {
      this.#hexDigits = 0;
      this.#state = State.inUnicodeEscape;
    } else if ('"\\/bfnrt'.includes(String.fromCharCode(byte))) {
      this.#state = State.inString;
    } else {
      throw invalid(byte, "in string escape code");
    }
    return true;
  }

  #beginLiteral(literal: string): boolean {
    this.#literal = literal;
    this.#literalIndex = 1;
    this.#state = State.inLiteral;
    return true;
  }

  #inLiteral(byte: number): boolean {
    const expected = this.#literal[this.#literalIndex]!;
    if (String.fromCharCode(byte) !== expected) {
      throw invalid(byte, `in literal ${this.#literal} (expecting '${expected}')`);
    }
    if (++this.#literalIndex === this.#literal.length) this.#endValue();
    return true;
  }

  #atNumberEnd(): boolean {
    switch (this.#state) {
      case State.afterZero:
      case State.inInteger:
      case State.inFraction:
      case State.inExponent:
        return true;
      default:
        return false;
    }
  }

  #inNumber(byte: number): boolean {
    const isExponent = byte === 0x65 || byte === 0x45;
    switch (this.#state) {
      case State.afterMinus:
        if (!isDigit(byte)) throw invalid(byte, "in numeric literal");
        this.#state = byte === ZERO ? State.afterZero : State.inInteger;
        return true;
      case State.inInteger:
        if (isDigit(byte)) return true;
        break;
      case State.afterPoint:
        if (!isDigit(byte)) throw invalid(byte, "after decimal point in numeric literal");
        this.#state = State.inFraction;
        return true;
      case State.inFraction:
        if (isDigit(byte)) return true;
        break;
      case State.afterExponent:
        if (byte === 0x2b || byte === 0x2d) {
          this.#state = State.afterExponentSign;
          return true;
        }
        if (!isDigit(byte)) throw invalid(byte, "in exponent of numeric literal");
        this.#state = State.inExponent;
        return true;
      case State.afterExponentSign:
        if (!isDigit(byte)) throw invalid(byte, "in exponent of numeric literal");
        this.#state = State.inExponent;
        return true;
      case State.inExponent:
        if (isDigit(byte)) return true;
        break;
    }
    if (byte === 0x2e && (this.#state === State.inInteger || this.#state === State.afterZero)) {
      this.#state = State.afterPoint;
      return true;
    }
    if (isExponent && this.#state !== State.inExponent) {
      this.#state = State.afterExponent;
      return true;
    }
    this.#endValue();
    return false;
  }
}

/** A value of more bytes than the scanner may hold; `bytes` is how many there were when it gave up. */
export class ValueTooLong extends Error {
  readonly bytes: number;

  constructor(bytes: number) {
    super(`a JSON value of more than ${bytes} bytes`);
    this.bytes = bytes;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39;
}

function isHexDigit(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x61 && byte <= 0x66) || (byte >= 0x41 && byte <= 0x46);
}

function invalid(byte: number, where: string): JsonSyntaxError {
  return new JsonSyntaxError("JSON_CHARACTER", quoted(byte), where);
}

/** A byte as a Go character literal. */
function quoted(byte: number): string {
  if (byte === 0x27) return "'\\''";
  if (byte === QUOTE) return "'\"'";
  if (byte === BACKSLASH) return "'\\\\'";
  const named: Record<number, string> = { 7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r" };
  const name = named[byte];
  if (name !== undefined) return `'\\${name}'`;
  if (byte < 0x20 || byte === 0x7f) return `'\\x${byte.toString(16).padStart(2, "0")}'`;
  // A single byte taken for a code point; the C1 controls and the soft hyphen are not printable.
  if ((byte >= 0x80 && byte <= 0xa0) || byte === 0xad) return `'\\u${byte.toString(16).padStart(4, "0")}'`;
  return `'${String.fromCharCode(byte)}'`;
}
