const NO_BYTES = new Uint8Array(0);

/**
 * Where an element lies, for scans that want no object for each: filled by `Cursor.place`, and borrowed like what the cursor
 * says. Offsets are in `bytes`, and in `view`, which is of the same memory.
 */
export class ElementPlace {
  bytes: Uint8Array = NO_BYTES;
  view: DataView = new DataView(NO_BYTES.buffer);
  keyStart = 0;
  /** Where the key ends and the value begins. */
  valueStart = 0;
  valueEnd = 0;
}
