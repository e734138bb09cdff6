/** One change of one key, as the store hands it out after applying it or reads it back from history. */
export interface Change {
  /** Owned and immutable from here on, like `record`. */
  readonly key: Uint8Array;
  readonly main: number;
  readonly sub: number;
  readonly deleted: boolean;
  /** The stored `mvccpb.KeyValue` bytes; of a tombstone, one with only the key. */
  readonly record: Uint8Array;
}

/** Told of every transaction that changed something, before any later one. */
export interface ChangeListener {
  /** Whether anybody would look at changes; when false they are not made and `onChanges` is not called. */
  hasListener(): boolean;
  /** All changes of one main revision, in sub-revision order. The store can be read at `main` already. */
  onChanges(main: number, changes: readonly Change[]): void;
}
