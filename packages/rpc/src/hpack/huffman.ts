/**
 * The Huffman code of RFC 7541 Appendix B. It is canonical: within one length the codes follow the symbols' order, and a
 * longer code continues where the shorter ones end. So the lengths are enough to rebuild it.
 */
const CODE_LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const END_OF_STRING = 256;
const SYMBOL_COUNT = 257;
const MAX_CODE_LENGTH = 30;

const CODES = new Uint32Array(SYMBOL_COUNT);
{
  let code = 0;
  for (let length = 1; length <= MAX_CODE_LENGTH; length++) {
    for (let symbol = 0; symbol < SYMBOL_COUNT; symbol++) {
      if (CODE_LENGTHS[symbol] === length) CODES[symbol] = code++;
    }
    code *= 2;
  }
}

/*
 * Decoding walks a state machine by half octets. A state is an inner node of the code tree; the shortest code has five
 * bits, so four bits yield at most one symbol. TRANSITIONS[state * 16 + nibble] packs:
 * bits 0-7 the symbol, bit 8 "emit it", bit 9 "reject", bits 16-31 the next state.
 */
const EMIT = 1 << 8;
const REJECT = 1 << 9;
const STATE_SHIFT = 16;

const { transitions: TRANSITIONS, accepting: ACCEPTING } = buildStateMachine();

/** Returned by {@link decodeHuffman} for an invalid code, EOS in the text, or wrong padding. */
export const INVALID_HUFFMAN = -1;

/**
 * Decodes `source[start, end)` into `target` from 0 and returns the decoded length, or {@link INVALID_HUFFMAN}.
 * `target` must hold 8/5 of the source's length.
 */
export function decodeHuffman(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  const length = walk(source, start, end, target, 0);
  // The padding must be the most significant bits of EOS and shorter than an octet.
  return ACCEPTING[stateAfterWalk] === 1 ? length : INVALID_HUFFMAN;
}

/** Decodes a text that comes in pieces. */
export class HuffmanPieces {
  #state = 0;

  /** A new text begins. */
  begin(): void {
    this.#state = 0;
  }

  /** As {@link decodeHuffman}, for the next piece. */
  decode(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
    const length = walk(source, start, end, target, this.#state);
    this.#state = stateAfterWalk;
    return length;
  }

  /** Whether the text may end here. */
  get mayEnd(): boolean {
    return ACCEPTING[this.#state] === 1;
  }
}

/** Where `walk` came to; beside its result, which so needs no object. */
let stateAfterWalk = 0;

function walk(source: Uint8Array, start: number, end: number, target: Uint8Array, from: number): number {
  let state = from;
  let length = 0;
  for (let i = start; i < end; i++) {
    const octet = source[i]!;
    let step = TRANSITIONS[(state << 4) | (octet >> 4)]!;
    if ((step & EMIT) !== 0) target[length++] = step & 0xff;
    if ((step & REJECT) !== 0) return INVALID_HUFFMAN;
    step = TRANSITIONS[((step >>> STATE_SHIFT) << 4) | (octet & 15)]!;
    if ((step & EMIT) !== 0) target[length++] = step & 0xff;
    if ((step & REJECT) !== 0) return INVALID_HUFFMAN;
    state = step >>> STATE_SHIFT;
  }
  stateAfterWalk = state;
  return length;
}

/** The octets `text` (latin1) takes in this code. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += CODE_LENGTHS[text.charCodeAt(i) & 0xff]!;
  return (bits + 7) >> 3;
}

/** Encodes `text` (latin1) into `target` at `offset`; returns the offset after it. */
export function encodeHuffman(text: string, target: Uint8Array, offset: number): number {
  let pending = 0; // at most 7 bits stay over from the symbol before
  let pendingBits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff;
    let length = CODE_LENGTHS[symbol]!;
    const code = CODES[symbol]!;
    while (length > 0) {
      const take = Math.min(8 - pendingBits, length);
      pending = (pending << take) | ((code >>> (length - take)) & ((1 << take) - 1));
      pendingBits += take;
      length -= take;
      if (pendingBits === 8) {
        target[offset++] = pending;
        pending = 0;
        pendingBits = 0;
      }
    }
  }
  if (pendingBits > 0) target[offset++] = (pending << (8 - pendingBits)) | (0xff >> pendingBits);
  return offset;
}

function buildStateMachine(): { transitions: Uint32Array; accepting: Uint8Array } {
  // Node 0 is the root; a child is ~symbol for a leaf, an inner node's number otherwise.
  const zero: number[] = [0];
  const one: number[] = [0];
  for (let symbol = 0; symbol < SYMBOL_COUNT; symbol++) {
    let node = 0;
    for (let bit = CODE_LENGTHS[symbol]! - 1; bit >= 0; bit--) {
      const children = ((CODES[symbol]! >>> bit) & 1) === 1 ? one : zero;
      if (bit === 0) {
        children[node] = ~symbol;
      } else if (children[node]! > 0) {
        node = children[node]!;
      } else {
        children[node] = zero.length;
        node = zero.length;
        zero.push(0);
        one.push(0);
      }
    }
  }
  const transitions = new Uint32Array(zero.length * 16);
  for (let state = 0; state < zero.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = state;
      let packed = 0;
      for (let bit = 3; bit >= 0; bit--) {
        const child = (((nibble >> bit) & 1) === 1 ? one : zero)[node]!;
        if (child >= 0) {
          node = child;
        } else if (~child === END_OF_STRING) {
          packed |= REJECT;
          node = 0;
        } else {
          packed |= EMIT | ~child;
          node = 0;
        }
      }
      transitions[state * 16 + nibble] = (packed | (node << STATE_SHIFT)) >>> 0;
    }
  }
  const accepting = new Uint8Array(zero.length);
  let node = 0;
  for (let paddingBits = 0; paddingBits < 8; paddingBits++) {
    accepting[node] = 1;
    node = one[node]!;
  }
  return { transitions, accepting };
}
