import { writeSync } from "node:fs";

const STDOUT = 1;
const STDERR = 2;
const FULL_PIPE_PAUSE_MS = 2;

/** Standard output and standard error, in the order in which they are written. */
export class Output {
  readonly #write: (descriptor: 1 | 2, bytes: Buffer) => void;
  readonly #isTerminal: () => boolean;

  constructor(
    write: (descriptor: 1 | 2, bytes: Buffer) => void = writeAll,
    isTerminal: () => boolean = () => process.getBuiltinModule("node:tty").isatty(STDOUT),
  ) {
    this.#write = write;
    this.#isTerminal = isTerminal;
  }

  /** A line; bytes are written as they are. */
  line(...parts: readonly (string | Uint8Array)[]): void {
    this.write(...parts, "\n");
  }

  write(...parts: readonly (string | Uint8Array)[]): void {
    this.#write(STDOUT, joined(parts));
  }

  /** Whether people read standard output as it is written. */
  isTerminal(): boolean {
    return this.#isTerminal();
  }

  errorLine(text: string): void {
    this.#write(STDERR, Buffer.from(`${text}\n`));
  }
}

function joined(parts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
}

/** At once: whoever reads has it when the next thing happens, and a process that ends loses nothing. */
function writeAll(descriptor: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Nobody reads any more. Go's programs are ended by the signal that comes with it.
      if (code === "EPIPE") process.exit(141);
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS);
    }
  }
}
