/*
 * Versions before this one kept a member's database in a file of LMDB's, which nothing here reads any more. It is told from all
 * others by a number in its first page, so that whoever meets one says what it is and what helps.
 */
const MAGIC_AT = 24;
const MAGIC = 0xbeef_c0de;
/** Of a file's first bytes, what `formerFormatFault` looks at. */
export const FORMAT_HEAD_BYTES = MAGIC_AT + 4;

/** What to say of a database that begins with `head`, if it is one of LMDB's; otherwise undefined. */
export function formerFormatFault(path: string, head: Uint8Array): string | undefined {
  if (head.length < FORMAT_HEAD_BYTES) return undefined;
  if (new DataView(head.buffer, head.byteOffset).getUint32(MAGIC_AT, true) !== MAGIC) return undefined;
  return (
    `database file ${path} has the format of LMDB, which earlier versions of Quorate wrote and this one does not read; it stays ` +
    "as it is: start the earlier version on it again, save a snapshot of that member (etcdctl snapshot save) and restore the " +
    "snapshot into a new data directory (etcdutl snapshot restore), or remove this member from its cluster and add it again " +
    "with an empty data directory"
  );
}
