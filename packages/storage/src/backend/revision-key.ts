const SEPARATOR = 0x5f;
const TOMBSTONE_MARK = 0x74;
const REVISION_KEY_BYTES = 17;
export const TOMBSTONE_KEY_BYTES = 18;

/** Writes etcd's key of a revision (u64be main, `_`, u64be sub, and `t` for a deletion); returns its length. */
export function writeRevisionKey(
  view: DataView,
  at: number,
  main: number,
  sub: number,
  tombstone: boolean,
): number {
  view.setUint32(at, main / 0x1_0000_0000);
  view.setUint32(at + 4, main);
  view.setUint8(at + 8, SEPARATOR);
  view.setUint32(at + 9, sub / 0x1_0000_0000);
  view.setUint32(at + 13, sub);
  if (!tombstone) return REVISION_KEY_BYTES;
  view.setUint8(at + 17, TOMBSTONE_MARK);
  return TOMBSTONE_KEY_BYTES;
}

/** Whether `length` bytes at `at` are a revision's key whose halves are exact numbers. */
export function isRevisionKey(view: DataView, at: number, length: number): boolean {
  if (length !== REVISION_KEY_BYTES && length !== TOMBSTONE_KEY_BYTES) return false;
  if (view.getUint8(at + 8) !== SEPARATOR) return false;
  if (length === TOMBSTONE_KEY_BYTES && view.getUint8(at + 17) !== TOMBSTONE_MARK) return false;
  return view.getUint32(at) < 0x20_0000 && view.getUint32(at + 9) < 0x20_0000;
}

export function mainOf(view: DataView, at: number): number {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}

export function subOf(view: DataView, at: number): number {
  return view.getUint32(at + 9) * 0x1_0000_0000 + view.getUint32(at + 13);
}
