import { close, closeSync, existsSync, openSync, readSync } from "node:fs";
import { assert } from "../assert.ts";
import { BackendCorruptionError } from "./corruption.ts";
import { LmdbEnvironment } from "./lmdb-environment.ts";
import { type Meta, newestMeta, PAGE_BYTES } from "./lmdb-format.ts";
import { LmdbReader, readMetaPages } from "./lmdb-reader.ts";
import { lockDatabase } from "./lock-database.ts";
import { PageMap } from "./page-map.ts";
import { checkStructure } from "./structure-check.ts";
import { FORMAT_KEY, FORMAT_VERSION } from "./tree-names.ts";

/** The state after one transaction, which stays readable through `fd` until it is released. */
export interface HeldState {
  readonly path: string;
  readonly fd: number;
  readonly meta: Meta;
  /** Idempotent. */
  release(): void;
}

/** One database file, open: LMDB writes it, we read it. */
export class LmdbFile {
  readonly environment: LmdbEnvironment;
  readonly reader: LmdbReader;
  readonly #fd: number;
  #holds = 0;
  #onLastRelease: (() => void) | undefined;

  /**
   * Opens the file or creates it, and holds it as bbolt holds its files. Throws `BackendCorruptionError` when it is damaged,
   * and a `DiskError` when somebody else holds it, before LMDB has seen it.
   */
  static async open(path: string): Promise<LmdbFile> {
    let fd = existsSync(path) ? openLocked(path) : undefined;
    let environment: LmdbEnvironment | undefined;
    try {
      const expected = fd === undefined ? undefined : checkStructure(path);
      environment = new LmdbEnvironment(path);
      // Before the first flush there is no state to go back to after a crash.
      await environment.sync();
      fd ??= openLocked(path);
      const file = new LmdbFile(path, fd, environment);
      const { txnId } = file.reader.state;
      if (expected !== undefined && txnId < expected) {
        throw new BackendCorruptionError(path, 0, `opened at transaction ${txnId}, not ${expected}`);
      }
      const format = file.reader.get("format", FORMAT_KEY);
      if (format === undefined || Buffer.compare(format, FORMAT_VERSION) !== 0) {
        throw new Error(`database file ${path} has a format of another version`);
      }
      return file;
    } catch (error) {
      await environment?.close();
      if (fd !== undefined) closeSync(fd);
      throw error;
    }
  }

  private constructor(path: string, fd: number, environment: LmdbEnvironment) {
    this.environment = environment;
    this.#fd = fd;
    this.reader = new LmdbReader(path, this.#fd);
    this.reader.renew();
    this.#openMap();
  }

  #openMap(): void {
    const offset = this.reader.offsetOf("format", FORMAT_KEY);
    const access = offset === undefined ? undefined : this.environment.mapAccess(offset);
    if (access === undefined) return;
    const map = new PageMap(access);
    // It is the right place only if it shows the file.
    const mapped = new Uint8Array(PAGE_BYTES);
    const stored = new Uint8Array(PAGE_BYTES);
    for (const page of [0, Math.floor(offset! / PAGE_BYTES)]) {
      readSync(this.#fd, stored, 0, PAGE_BYTES, page * PAGE_BYTES);
      if (!map.copyPage(page, mapped) || Buffer.compare(mapped, stored) !== 0) {
        map.close();
        return;
      }
    }
    this.reader.file.map = map;
  }

  /** Holds the newest transaction. Not while another one is being executed. */
  hold(): HeldState {
    const end = this.environment.holdState();
    this.#holds++;
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      end();
      if (--this.#holds === 0) this.#onLastRelease?.();
    };
    try {
      const meta = newestMeta(readMetaPages(this.reader.file));
      assert(meta.txnId === this.reader.state.txnId, "the transaction held is the one that is read");
      return { path: this.reader.file.path, fd: this.#fd, meta, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** After the last transaction is done. Waits until nothing is held. */
  async close(): Promise<void> {
    if (this.#holds > 0) {
      await new Promise<void>((resolve) => {
        this.#onLastRelease = resolve;
      });
    }
    this.reader.file.map?.close();
    this.reader.file.map = undefined;
    await this.environment.close();
    // Off the loop: when the file was replaced, this is what frees it, a second for some gigabytes.
    await new Promise<void>((resolve, reject) => {
      close(this.#fd, (error) => (error === null ? resolve() : reject(error)));
    });
  }
}

function openLocked(path: string): number {
  const fd = openSync(path, "r");
  try {
    lockDatabase(path, fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}
