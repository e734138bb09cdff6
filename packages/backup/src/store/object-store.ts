export interface StoredObject {
  readonly name: string;
  readonly bytes: number;
}

/** Where objects are kept. Names are ASCII, with slashes. Every method rejects with a BackupError. */
export interface ObjectStore {
  /** For people. */
  readonly where: string;
  /** Durable when it resolves. Until then, and when it fails, what had that name before stays. */
  put(name: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** Throws with MISSING when there is none. */
  get(name: string): AsyncIterable<Uint8Array>;
  /** All whose names begin so, ordered by name. */
  list(prefix: string): Promise<readonly StoredObject[]>;
  /** Nothing happens when there is none. */
  remove(name: string): Promise<void>;
  /** Removes what puts have left that were cut off long ago. */
  tidy(): Promise<void>;
}
