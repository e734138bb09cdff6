/** The end of an interval that is one key. */
export const NO_RANGE_END = new Uint8Array(0);
