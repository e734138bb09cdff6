/**
 * The file format of a bundle: one line, a comment, and then the program.
 *
 *     // quorate-bundle FORMAT CRC MANIFEST
 *
 * MANIFEST is JSON and names everything that the program was made of. CRC, eight hexadecimal digits, is the CRC-32 of all
 * that follows it in the file, so that a file that was cut short or damaged is not run. Manifest and program are one
 * file because then one rename replaces both.
 */
import { readFileSync, statSync } from "node:fs";
import { crc32 } from "node:zlib";

/** What a file was when it went into the bundle. `sizeBytes` of -1: there was none. */
export type Input = readonly [path: string, sizeBytes: number, modifiedMs: number];

interface Manifest {
  readonly runtime: string;
  readonly root: string;
  readonly entry: string;
  readonly inputs: readonly Input[];
}

const FORMAT = 1;
const PREFIX = `// quorate-bundle ${FORMAT} `;
const CRC_DIGITS = 8;
const NEWLINE = 0x0a;

/** The content of the file; `inputs`, and `entry`, with which the program begins, have absolute paths. */
export function encodeBundle(root: string, entry: string, inputs: readonly Input[], program: string): Buffer {
  const manifest: Manifest = { runtime: process.version, root, entry, inputs };
  const rest = Buffer.from(` ${JSON.stringify(manifest)}\n${program}`);
  return Buffer.concat([Buffer.from(PREFIX + crcText(rest)), rest]);
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
  const restStart = PREFIX.length + CRC_DIGITS;
  if (content.toString("latin1", 0, PREFIX.length) !== PREFIX) return undefined;
  const rest = content.subarray(restStart);
  if (content.toString("latin1", PREFIX.length, restStart) !== crcText(rest)) return undefined;
  return JSON.parse(rest.toString("utf8", 0, rest.indexOf(NEWLINE))) as Manifest;
}

function crcText(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(CRC_DIGITS, "0");
}
