import * as lmdb from "lmdb";
import { PAGE_BYTES } from "./lmdb-format.ts";
import type { MapAccess } from "./page-map.ts";
import { storedKey, storedValueBytes, writeStoredValue } from "./table-entry.ts";
import { FORMAT_KEY, FORMAT_VERSION, TREE_NAMES, type TreeName } from "./tree-names.ts";

/** Reserved addresses, not memory; a machine that limits them gets the next smaller one. LMDB grows it when full. */
const MAP_SIZES = [2 ** 40, 2 ** 36, 2 ** 32];

/** What we use of the binding beside its documented interface; see instruction-buffer.ts. */
interface NativeEnvironment {
  info(): { readonly mapSize: number };
  startWriting(address: number, progress: (status: number) => void): void;
  sync(callback: (error?: unknown) => void): void;
}
interface OpenTable {
  readonly db: { readonly dbi: number };
  readonly dbAddress: number;
  readonly env: NativeEnvironment;
}
interface NativeAddon {
  getAddress(buffer: ArrayBuffer): number;
  getBufferAddress(buffer: Buffer): number;
  createBufferForAddress(address: number, length: number): Buffer;
  detachBuffer(buffer: ArrayBufferLike): void;
  /** The value of the key that was looked up last, in place. */
  getSharedByBinary(table: number, keyLength: number): Buffer | undefined;
  lmdbError(code: number): never;
}

const native = (lmdb as unknown as { nativeAddon: NativeAddon }).nativeAddon;

export const addressOf = (buffer: ArrayBuffer): number => native.getAddress(buffer);

const STATUS_VISIBLE = 1;
const STATUS_DURABLE = 0;

/** A database file open for writing through LMDB. */
export class LmdbEnvironment {
  readonly #root: lmdb.RootDatabase;
  readonly #env: NativeEnvironment;
  readonly #tables = new Map<TreeName, lmdb.Database>();

  /** Opens or creates the file, and goes back to its last flushed transaction. Synchronous, some milliseconds. */
  constructor(path: string) {
    this.#root = openRoot(path);
    // In one transaction: of a new file each table would be one, flushed while the loop waits.
    this.#root.transactionSync(() => {
      for (const name of TREE_NAMES) {
        this.#tables.set(name, this.#root.openDB({ name, encoding: "binary", keyEncoding: "binary" }));
      }
      this.#writeFormat();
    });
    this.#env = (this.#format as unknown as OpenTable).env;
  }

  get #format(): lmdb.Database {
    return this.#tables.get("format")!;
  }

  #writeFormat(): void {
    const key = storedKey(FORMAT_KEY);
    if (this.#format.getBinary(key) !== undefined) return;
    const value = new Uint8Array(storedValueBytes(FORMAT_KEY, FORMAT_VERSION));
    writeStoredValue(value, new DataView(value.buffer), 0, FORMAT_KEY, FORMAT_VERSION);
    this.#format.putSync(key, value);
  }

  /**
   * LMDB's map of the file, found by where it has the value that lies at byte `offset` of the file; undefined when it
   * cannot be told. Any view of it must be detached before `close`.
   */
  mapAccess(offset: number): MapAccess | undefined {
    const key = storedKey(FORMAT_KEY);
    this.#format.getBinary(key);
    const value = native.getSharedByBinary((this.#format as unknown as OpenTable).dbAddress, key.length);
    this.#format.resetReadTxn();
    if (value === undefined) return undefined;
    const baseAddress = native.getBufferAddress(value) - offset;
    if (baseAddress <= 0 || baseAddress % PAGE_BYTES !== 0) return undefined;
    return {
      baseAddress,
      mapBytes: this.#env.info().mapSize,
      viewAt: (address, length) => native.createBufferForAddress(address, length),
      detach: (view) => native.detachBuffer(view.buffer),
    };
  }

  /**
   * Keeps every page of the newest transaction as it is until the function returned is called. Not while a transaction
   * is being executed.
   */
  holdState(): () => void {
    // The one that is kept for lookups may be of an older transaction.
    this.#format.resetReadTxn();
    const transaction = this.#root.useReadTransaction();
    return () => transaction.done();
  }

  /** The number under which instructions name a table. */
  table(name: TreeName): number {
    return (this.#tables.get(name) as unknown as OpenTable).db.dbi;
  }

  /**
   * Executes a list of instructions as one transaction on a native thread, then flushes the file there. `done` is
   * called on the loop when the transaction is durable, or with the error for which nothing of it, or for a failed
   * flush an unknown part, is in the file. One transaction at a time.
   */
  execute(address: number, done: (error?: Error) => void): void {
    this.#env.startWriting(address, (status) => {
      if (status === STATUS_VISIBLE) return;
      done(status === STATUS_DURABLE ? undefined : errorOf(status));
    });
  }

  /** Makes the newest transaction durable. */
  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#env.sync((error) => {
        if (error === undefined || error === null) resolve();
        else reject(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  /** After the last transaction is done. */
  async close(): Promise<void> {
    await this.#root.close();
  }
}

function openRoot(path: string): lmdb.RootDatabase {
  for (let i = 0; ; i++) {
    const mapSize = MAP_SIZES[i]!;
    const options: lmdb.RootDatabaseOptions & {
      overlappingSync: boolean;
      safeRestore: boolean;
      permissionsMode: number;
    } = {
      noSubdir: true,
      encoding: "binary",
      keyEncoding: "binary",
      maxDbs: TREE_NAMES.length + 2,
      pageSize: PAGE_BYTES,
      mapSize,
      permissionsMode: 0o600,
      // Commits do not wait for the flush, and a crash goes back to the last flushed one: also a crash of the process
      // alone, after which the file would still look newer than what the disk has.
      overlappingSync: true,
      safeRestore: true,
    };
    try {
      return lmdb.open(path, options);
    } catch (error) {
      if (i + 1 === MAP_SIZES.length) throw error;
    }
  }
}

function errorOf(status: number): Error {
  try {
    native.lmdbError(status);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  return new Error(`LMDB error ${status}`);
}
