import { SeededRandom } from "@quorate/testkit/random";
import { encodeWalMetadata, encodeWalSnapshot } from "@quorate/wire/hot";
import { SimulatedDisk, type SimulatedDiskOptions } from "../seams/simulated-disk.ts";
import { RecordEncoder } from "./encoder.ts";
import { type Entry, RecordType, type WalSnapshot } from "./types.ts";

/** Helpers of this folder's tests. */

export const METADATA = { nodeId: 0x10n, clusterId: 0x20n };

export function simulatedDisk(options: Partial<SimulatedDiskOptions> = {}): SimulatedDisk {
  return new SimulatedDisk({ random: new SeededRandom(1), ...options });
}

export function entry(index: number, term = 1, data: string | Uint8Array = `data ${index}`): Entry {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return { type: 0, term, index, data: bytes };
}

export function snapshotAt(index: number, term = 1): WalSnapshot {
  const confState = { voters: [0x10n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  return { index, term, confState };
}

/** A segment's bytes, made of the usual head and what `more` adds. */
export function segmentOf(more: (encoder: RecordEncoder) => void, tailBytes = 4096): Uint8Array {
  const encoder = new RecordEncoder(0);
  encoder.crc();
  encoder.message(RecordType.metadata, encodeWalMetadata(METADATA));
  encoder.message(RecordType.snapshot, encodeWalSnapshot({ index: 0, term: 0 }));
  more(encoder);
  const { bytes, length } = encoder.take();
  const segment = new Uint8Array(length + tailBytes);
  segment.set(bytes.subarray(0, length));
  return segment;
}

/** A disk with one log in `wal`, of one segment. */
export async function diskWith(segment: Uint8Array): Promise<SimulatedDisk> {
  const simulated = simulatedDisk();
  const disk = simulated.mount();
  await disk.makeDirectory("wal");
  await disk.syncDirectory(".");
  simulated.setContents(FIRST_SEGMENT, segment);
  return simulated;
}

export const FIRST_SEGMENT = "wal/0000000000000000-0000000000000000.wal";
