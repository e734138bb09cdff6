/**
 * The file format of a bundle: one line, a comment, and then the program.
 *
 *     // quorate-bundle FORMAT MANIFEST
 *
 * MANIFEST is JSON and names everything that the program was made of, and how long the program is: a file that was cut short is
 * not run. Manifest and program are one file because then one rename replaces both.
 */

// Every start waits for this: imported as an ES module, each of its exports would be read, one of which loads far more.
const { closeSync, fstatSync, openSync, readSync, statSync } = process.getBuiltinModule("node:fs");

/** What a file was when it went into the bundle. `sizeBytes` of -1: there was none. */
export type Input = readonly [path: string, sizeBytes: number, modifiedMs: number];

interface Manifest {
  readonly runtime: string;
  readonly root: string;
  readonly entry: string;
  readonly inputs: readonly Input[];
  readonly programBytes: number;
}

const FORMAT = 3;
const PREFIX = `// quorate-bundle ${FORMAT} `;
const NEWLINE = 0x0a;
/** More than the first line of most bundles; of a longer one it is read again, twice as much. */
const HEAD_BYTES = 128 << 10;

/** The content of the file; `inputs`, and `entry`, with which the program begins, have absolute paths. */
export function encodeBundle(root: string, entry: string, inputs: readonly Input[], program: string): Buffer {
  const programBytes = Buffer.byteLength(program);
  const manifest: Manifest = { runtime: process.version, root, entry, inputs, programBytes };
  return Buffer.from(`${PREFIX}${JSON.stringify(manifest)}\n${program}`);
}

/**
 * Whether the file is as long as it was made, and what would be made now, for this runtime and of what lies behind `entry` in the checkout at
 * `root`. Never throws.
 */
export function isFresh(file: string, root: string, entry: string): boolean {
  try {
    const manifest = readManifest(file);
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

/** Without the program, which whoever loads it reads anyway. Undefined for a file of another format, or of another length than it was made with. */
function readManifest(file: string): Manifest | undefined {
  const descriptor = openSync(file, "r");
  try {
    const { size } = fstatSync(descriptor);
    for (let bytes = HEAD_BYTES; ; bytes *= 2) {
      const head = Buffer.allocUnsafe(Math.min(bytes, size));
      const read = readSync(descriptor, head, 0, head.length, 0);
      if (read !== head.length || head.toString("latin1", 0, PREFIX.length) !== PREFIX) return undefined;
      const lineEnd = head.indexOf(NEWLINE);
      if (lineEnd >= 0) {
        const manifest = JSON.parse(head.toString("utf8", PREFIX.length, lineEnd)) as Manifest;
        return manifest.programBytes === size - lineEnd - 1 ? manifest : undefined;
      }
      if (read === size) return undefined;
    }
  } finally {
    closeSync(descriptor);
  }
}
