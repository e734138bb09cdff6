/** HTTP/2 frames of every type, right and wrong. */

import { rawFrames as raw } from "@quorate/rpc/testing";
import type { SeededRandom } from "@quorate/testkit/random";
import { withoutHurry } from "./comparable.ts";
import type { GrpcCall } from "./grpc-calls.ts";
import { anyMethod, anyReading } from "./methods.ts";
import { mutated } from "./mutations.ts";

const TYPE = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST: 3,
  SETTINGS: 4,
  PUSH: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW: 8,
  CONTINUATION: 9,
};
const HEADER_TABLE_SIZE = 1;
const SETTING_VALUES = [
  0, 1, 100, 16_383, 16_384, 65_535, 0xff_ffff, 0x100_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];
const MESSAGES = [
  Buffer.alloc(0),
  Buffer.from([0x0a, 1, 0x61]),
  Buffer.from([0x0a, 0]),
  Buffer.from([0x0a, 2, 0x0a, 0]),
];

/** What a connection begins with: the preface, mostly, and settings. */
export function greeting(random: SeededRandom): Buffer {
  const preface = Buffer.from(raw.PREFACE);
  if (random.chance(0.03)) return mutated(random, preface, []);
  return Buffer.concat([preface, random.chance(0.05) ? Buffer.alloc(0) : raw.settings([4, 0x7fff_ffff])]);
}

/**
 * The frames of one connection, which go with its stream IDs. `isCompared`: with calls that only read and have time, so that
 * what is answered depends on the octets alone.
 */
export class Http2Frames {
  readonly #random: SeededRandom;
  readonly #isCompared: boolean;
  #nextId = 1;

  constructor(random: SeededRandom, { isCompared = false }: { readonly isCompared?: boolean } = {}) {
    this.#random = random;
    this.#isCompared = isCompared;
  }

  next(): Buffer {
    const random = this.#random;
    const bytes = this.#any();
    return random.chance(0.06) ? mutated(random, bytes, []) : bytes;
  }

  #any(): Buffer {
    const random = this.#random;
    return Buffer.from(
      random.weighted<() => Uint8Array>([
        [6, () => this.#headers()],
        [6, () => this.#data()],
        [2, () => raw.reset(this.#id(), random.chance(0.8) ? 8 : random.next())],
        [2, () => this.#settings()],
        [
          2,
          () =>
            raw.windowUpdate(
              random.chance(0.4) ? 0 : this.#id(),
              random.pick([0, 1, 1000, 0x7fff_ffff, 0x8000_0001]),
            ),
        ],
        [1, () => raw.ping("12345678", random.below(2))],
        [1, () => this.#priority()],
        [1, () => this.#continued()],
        [
          0.5,
          () => raw.frame(TYPE.CONTINUATION, random.below(8), this.#id(), random.bytes(random.below(40))),
        ],
        [0.2, () => raw.frame(TYPE.GOAWAY, 0, 0, raw.uint32(random.below(20), random.below(16)))],
        [0.1, () => raw.frame(TYPE.PUSH, 4, this.#id(), random.bytes(20))],
        [
          0.4,
          () => raw.frame(random.below(14), random.below(256), this.#id(), random.bytes(random.below(70))),
        ],
        [0.2, () => this.#lyingLength()],
      ])(),
    );
  }

  /** Mostly of a stream that there is, or was. */
  #id(): number {
    const random = this.#random;
    return random.weighted<() => number>([
      [8, () => Math.max(1, this.#nextId - 2 * (1 + random.below(6)))],
      [0.3, () => 0],
      [0.3, () => 2 * random.below(20)],
      [0.3, () => this.#nextId + 2 * random.below(5)],
      [0.1, () => 0x7fff_ffff],
      [0.1, () => 0x8000_0001],
    ])();
  }

  #newId(): number {
    const random = this.#random;
    if (random.chance(0.03)) return this.#id();
    const id = this.#nextId;
    this.#nextId += 2 * (random.chance(0.02) ? random.between(2, 1000) : 1);
    return id;
  }

  #block(): Uint8Array {
    const random = this.#random;
    if (random.chance(0.03)) return random.bytes(random.below(60));
    const block = Buffer.from(raw.block(this.#fields()));
    return random.chance(0.03) ? mutated(random, block, []) : block;
  }

  #fields(): GrpcCall["fields"] {
    const random = this.#random;
    const fields = raw.grpcRequest((this.#isCompared ? anyReading : anyMethod)(random).path);
    if (random.chance(0.2)) fields.push(["grpc-timeout", random.pick(["1S", "0n", "99999999H", "5m", "x"])]);
    if (random.chance(0.03))
      fields.push([
        random.pick([":status", ":path", "UPPER", "connection", "te", "content-length", "a b", ""]),
        "1",
      ]);
    if (random.chance(0.02)) fields.splice(random.below(fields.length), 1);
    if (random.chance(0.01)) return random.shuffled(fields);
    if (random.chance(0.003)) fields.push(["x-large", "v".repeat(random.pick([5_000, 70_000]))]);
    return this.#isCompared ? withoutHurry(fields) : fields;
  }

  #headers(): Uint8Array {
    const random = this.#random;
    const flags = random.weighted([
      [10, 4],
      [3, 5],
      [0.2, 0],
    ] as const);
    const id = this.#newId();
    const padded = random.chance(0.05);
    const prioritized = random.chance(0.05);
    const parts: Uint8Array[] = [];
    if (padded) parts.push(Uint8Array.of(random.pick([0, 3, 255])));
    if (prioritized)
      parts.push(raw.uint32(random.chance(0.2) ? id : random.next()), Uint8Array.of(random.below(256)));
    parts.push(this.#block());
    if (padded) parts.push(new Uint8Array(random.pick([0, 3])));
    const payload = raw.concat(...parts);
    return raw.frame(
      TYPE.HEADERS,
      flags | (padded ? 8 : 0) | (prioritized ? 0x20 : 0),
      id,
      payload.subarray(0, 16_384),
    );
  }

  #data(): Uint8Array {
    const random = this.#random;
    const id = this.#id();
    if (random.chance(0.1))
      return raw.frame(TYPE.DATA, 8 | random.below(2), id, random.bytes(random.below(30)));
    const message = raw.grpcMessage(random.pick(MESSAGES), random.chance(0.9) ? 0 : random.below(4));
    return raw.data(id, random.chance(0.9) ? message : random.bytes(random.below(50)), random.chance(0.7));
  }

  #settings(): Uint8Array {
    const random = this.#random;
    const flags = random.chance(0.3) ? 1 : 0;
    if (flags === 1) return raw.frame(TYPE.SETTINGS, 1, 0, random.bytes(random.chance(0.95) ? 0 : 6));
    const pairs = Array.from({ length: random.below(4) }, (): [number, number] => {
      const id = random.below(10);
      const value = this.#settingValue();
      // Whoever reads the answers keeps a table of the usual size.
      return [id, this.#isCompared && id === HEADER_TABLE_SIZE ? value & 0xfff : value];
    });
    const bytes = Buffer.from(raw.settings(...pairs));
    return random.chance(0.98) ? bytes : bytes.subarray(0, bytes.length - 1);
  }

  #settingValue(): number {
    const random = this.#random;
    return random.chance(0.7) ? random.pick(SETTING_VALUES) : random.next();
  }

  /** Of a stream on itself, in a circle, of one that never was. */
  #priority(): Uint8Array {
    const random = this.#random;
    const id = this.#id();
    const parent = random.chance(0.3) ? id : this.#id();
    const payload = raw.concat(raw.uint32(parent), Uint8Array.of(random.below(256)));
    return raw.frame(TYPE.PRIORITY, random.below(2), id, random.chance(0.97) ? payload : payload.subarray(1));
  }

  /** A block in many pieces, some of them empty, now and then with something in between or without an end. */
  #continued(): Uint8Array {
    const random = this.#random;
    const id = this.#newId();
    const block = this.#block();
    const pieces: Uint8Array[] = [];
    let at = Math.min(block.length, 5);
    pieces.push(raw.frame(TYPE.HEADERS, random.below(2), id, block.subarray(0, at)));
    while (at < block.length) {
      const end = Math.min(block.length, at + random.between(0, 12));
      const isLast = end === block.length && random.chance(0.95);
      pieces.push(
        raw.frame(
          TYPE.CONTINUATION,
          isLast ? 4 : 0,
          random.chance(0.99) ? id : id + 2,
          block.subarray(at, end),
        ),
      );
      if (random.chance(0.01)) pieces.push(raw.ping());
      at = end;
    }
    return raw.concat(...pieces);
  }

  #lyingLength(): Uint8Array {
    const random = this.#random;
    const bytes = raw.frame(random.below(10), random.below(256), this.#id(), random.bytes(random.below(20)));
    new DataView(bytes.buffer).setUint32(
      0,
      ((random.chance(0.5) ? random.below(64) : random.next()) << 8) | bytes[3]!,
    );
    return bytes;
  }
}

/** One thing, very often: what costs a peer nothing to send. */
export function flood(random: SeededRandom): Buffer {
  const count = random.pick([200, 3000, 15_000]);
  const kind = random.below(7);
  const frames: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const id = 2 * i + 1;
    if (kind === 0) frames.push(raw.ping());
    else if (kind === 1) frames.push(raw.settings([4, i]));
    else if (kind === 2) frames.push(REQUEST(id), raw.reset(id));
    else if (kind === 3) frames.push(raw.frame(TYPE.PRIORITY, 0, id, Uint8Array.of(0, 0, 0, 1, 0)));
    else if (kind === 4)
      frames.push(i === 0 ? raw.frame(TYPE.HEADERS, 0, 1) : raw.frame(TYPE.CONTINUATION, 0, 1));
    else if (kind === 5) frames.push(i === 0 ? REQUEST(1) : raw.data(1, new Uint8Array(0)));
    else frames.push(raw.windowUpdate(0, 1));
  }
  return Buffer.concat(frames);
}

const WATCH_BLOCK = raw.block(raw.grpcRequest("/etcdserverpb.Watch/Watch"));
const REQUEST = (id: number): Uint8Array => raw.frame(TYPE.HEADERS, 4, id, WATCH_BLOCK);
