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

/** Each step is one to one, so another word always makes another checksum. */
function checksumText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = FNV_OFFSET;
  let at = 0;
  for (; at + WORD_BYTES <= bytes.length; at += WORD_BYTES)
    sum = Math.imul(sum ^ view.getInt32(at, true), FNV_PRIME);
  for (; at < bytes.length; at++) sum = Math.imul(sum ^ bytes[at]!, FNV_PRIME);
  return (sum >>> 0).toString(16).padStart(CHECKSUM_DIGITS, "0");
}
