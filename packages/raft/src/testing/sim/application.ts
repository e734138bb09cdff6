import { confChangeOf } from "../../confchange/codec.ts";
import type { RawNode } from "../../raw-node.ts";
import { type ConfState, type Entry, EntryType, emptyConfState, type Snapshot } from "../../types.ts";

/** The smallest state machine that tells one order of entries from another: a running checksum over all of them. */
export class SimApplication {
  index = 0;
  term = 0;
  checksum = 0;
  confState: ConfState = emptyConfState();

  apply(entries: readonly Entry[], node: RawNode): void {
    for (const entry of entries) {
      // After a restart everything since the snapshot comes again, never anything older.
      if (entry.index !== this.index + 1) throw new Error(`applied ${entry.index} after ${this.index}`);
      if (entry.type !== EntryType.EntryNormal) this.confState = node.applyConfChange(confChangeOf(entry));
      this.checksum = nextChecksum(this.checksum, entry);
      this.index = entry.index;
      this.term = entry.term;
    }
  }

  toSnapshot(): Snapshot {
    const data = new Uint8Array(4);
    new DataView(data.buffer).setUint32(0, this.checksum);
    return { data, metadata: { confState: this.confState, index: this.index, term: this.term } };
  }

  restore({ data, metadata }: Snapshot): void {
    this.checksum = data.length === 4 ? new DataView(data.buffer, data.byteOffset, 4).getUint32(0) : 0;
    this.index = metadata.index;
    this.term = metadata.term;
    this.confState = metadata.confState;
  }
}

export function nextChecksum(checksum: number, { term, type, data }: Entry): number {
  let next = Math.imul(checksum ^ term, 0x0100_0193) ^ type;
  for (const byte of data) next = Math.imul(next ^ byte, 0x0100_0193);
  return next >>> 0;
}
