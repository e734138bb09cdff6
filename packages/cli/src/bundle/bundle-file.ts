/**
 * The file format of a bundle: one line, a comment, and then the program.
 *
 *     // quorate-bundle FORMAT CHECKSUM MANIFEST
 *
 * MANIFEST is JSON and names everything that the program was made of. CHECKSUM, eight hexadecimal digits, is FNV-1a of all
 * that follows it in the file, taken by words of four bytes, little-endian, and then by bytes: a file that was cut short or
 * damaged is not run. (CRC-32 is in `node:zlib`, whose loading takes ten times as long as all the rest here.) Manifest and
 * program are one file because then one rename replaces both.
 */

// Every start waits for this: imported as an ES module, each of its exports would be read, one of which loads far more.
const { readFileSync, statSync } = process.getBuiltinModule("node:fs");

/** What a file was when it went into the bundle. `sizeBytes` of -1: there was none. */
export type Input = readonly [path: string, sizeBytes: number, modifiedMs: number];

interface Manifest {
  readonly runtime: string;
  readonly root: string;
  readonly entry: string;
  readonly inputs: readonly Input[];
}

const FORMAT = 2;
const PREFIX = `// quorate-bundle ${FORMAT} `;
const CHECKSUM_DIGITS = 8;
const NEWLINE = 0x0a;

/** The content of the file; `inputs`, and `entry`, with which the program begins, have absolute paths. */
export function encodeBundle(root: string, entry: string, inputs: readonly Input[], program: string): Buffer {
  const manifest: Manifest = { runtime: process.version, root, entry, inputs };
  const rest = Buffer.from(` ${JSON.stringify(manifest)}\n${program}`);
  return Buffer.concat([Buffer.from(PREFIX + checksumText(rest)), rest]);
}

/**
 * Whether the file is whole and what would be made now, for this runtime and of what lies behind `entry` in the checkout at
 * `root`. Never throws.
 */
export function isFresh(file: string, root: string, entry: string): boolean {
  try {
    const manifest = decodeManifest(readFileSync(file));
    return (
      manifest !== undefined &&
      manifest.runtime === process.version &&
      manifest.root === root &&
      manifest.entry === entry &&
      manifest.inputs.every(isUnchanged)
    );
  } catch {
    // No file, none that may be read, or another program's.
    return false;
  }
}

/** What the file at `path` is now. */
export function inputAt(path: string): Input {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? [path, -1, 0] : [path, stats.size, stats.mtimeMs];
}

function isUnchanged([path, sizeBytes, modifiedMs]: Input): boolean {
  const now = inputAt(path);
  return now[1] === sizeBytes && now[2] === modifiedMs;
}

function decodeManifest(content: Buffer): Manifest | undefined {
  const restStart = PREFIX.length + CHECKSUM_DIGITS;
  if (content.toString("latin1", 0, PREFIX.length) !== PREFIX) return undefined;
  const rest = content.subarray(restStart);
  if (content.toString("latin1", PREFIX.length, restStart) !== checksumText(rest)) return undefined;
  return JSON.parse(rest.toString("utf8", 0, rest.indexOf(NEWLINE))) as Manifest;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const WORD_BYTES = 4;
const WASM_PAGE_BYTES = 65_536;

/**
 * `sum(hash, end)`: FNV-1a, beginning with `hash`, by the words in `memory` up to `end`. A start is over before an engine has
 * optimized a loop of JavaScript: half a megabyte took one 4 ms, and takes this one less than one.
 *
 *     (memory (export "memory") 1)
 *     (func (export "sum") (param $hash i32) (param $end i32) (result i32) (local $at i32)
 *       (block $done (loop $next
 *         (br_if $done (i32.eq (local.get $at) (local.get $end)))
 *         (local.set $hash (i32.mul (i32.xor (local.get $hash) (i32.load (local.get $at))) (i32.const 0x01000193)))
 *         (local.set $at (i32.add (local.get $at) (i32.const 4)))
 *         (br $next)))
 *       (local.get $hash))
 */
const SUM_OF_WORDS = [
  "0061736d01000000" + "01070160027f7f017f" + "03020100" + "0503010001",
  "071002066d656d6f727902000373756d0000" + "0a2e012c01017f",
  "02400340" + "20022001460d01" + "200020022802007341938380086c2100" + "200241046a2102" + "0c000b0b20000b",
].join("");

interface SumOfWords {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  sum(hash: number, end: number): number;
}

/** As much as is used of what every engine has, and the types of Node.js do not. */
interface Engine {
  readonly WebAssembly: {
    readonly Module: new (code: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: unknown };
  };
}

function loadSum(): SumOfWords {
  const { Instance, Module } = (globalThis as unknown as Engine).WebAssembly;
  return new Instance(new Module(Buffer.from(SUM_OF_WORDS, "hex"))).exports as SumOfWords;
}

let loaded: SumOfWords | undefined;

/** Each step is one to one, so another word always makes another checksum. */
function checksumText(bytes: Uint8Array): string {
  loaded ??= loadSum();
  const { memory, sum: sumOfWords } = loaded;
  const end = bytes.length - (bytes.length % WORD_BYTES);
  const missing = bytes.length - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
  new Uint8Array(memory.buffer).set(bytes);
  let sum = sumOfWords(FNV_OFFSET, end);
  for (let at = end; at < bytes.length; at++) sum = Math.imul(sum ^ bytes[at]!, FNV_PRIME);
  return (sum >>> 0).toString(16).padStart(CHECKSUM_DIGITS, "0");
}
