import type { Meta } from "../format/meta.ts";
import type { Place } from "../pages/page-source.ts";

/** Pages that are to be written, and where they are in memory. */
export interface WrittenRun extends Place {
  readonly page: number;
  readonly slots: number;
  /** In bytes. */
  readonly length: number;
}

/** A transaction that is laid out: pages that nothing on the disk refers to, and the meta that will. */
export interface Layout {
  readonly meta: Meta;
  readonly runs: readonly WrittenRun[];
}

/** One write: pieces of memory that follow each other in the file. */
export interface FileWrite {
  readonly position: number;
  readonly parts: Uint8Array[];
}

/** A write is not longer than this, unless one run is: by writes of 4 MiB, ext4 makes a file longer at six times the cost. */
const MOST_WRITE_BYTES = 1 << 20;

/** The fewest writes that write all pages, in the order of the file; pieces that follow each other in memory are one. */
export function fileWrites(layout: Layout): FileWrite[] {
  const runs = [...layout.runs].sort((a, b) => a.page - b.page);
  const { pageBytes } = layout.meta;
  const writes: FileWrite[] = [];
  let write: FileWrite = { position: 0, parts: [] };
  let end = -1;
  let bytes = 0;
  let from: WrittenRun | undefined;
  let fromEnd = 0;
  const closePart = () => {
    if (from !== undefined) write.parts.push(from.bytes.subarray(from.at, fromEnd));
  };
  for (const run of runs) {
    const position = run.page * pageBytes;
    const continues = position === end && bytes + run.length <= MOST_WRITE_BYTES;
    if (continues && from !== undefined && from.bytes === run.bytes && fromEnd === run.at) {
      fromEnd += run.length;
    } else {
      closePart();
      if (!continues) {
        write = { position, parts: [] };
        writes.push(write);
        bytes = 0;
      }
      from = run;
      fromEnd = run.at + run.length;
    }
    bytes += run.length;
    end = position + run.length;
  }
  closePart();
  return writes;
}
