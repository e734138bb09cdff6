/** Where some pages' bytes are. Borrowed until they are forgotten, or the source is closed. */
export interface Place {
  bytes: Uint8Array;
  view: DataView;
  /** Where in both the first page begins. */
  at: number;
}

/** The bytes of a file's pages. It believes that callers ask for pages inside of the file, and nothing of what is in them. */
export interface PageSource {
  /** Sets `place` to `slots` pages that follow each other. Throws an error of the file system. */
  locate(page: number, slots: number, place: Place): void;
  /** Whether `markChecked` was called for the page that `locate` found last, and its bytes are the same since then. */
  isChecked(page: number): boolean;
  markChecked(page: number): void;
  /** What is known of these pages is no longer so: the file has been written there. */
  forget(page: number, slots: number): void;
  /** Idempotent. Views that were handed out are empty, or no longer change. */
  close(): void;
}
