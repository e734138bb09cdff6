import { SeededRandom } from "@quorate/testkit/random";
import { encodeWalMetadata, encodeWalSnapshot } from "@quorate/wire/hot";
import type { Disk, DiskFile, OpenMode } from "../seams/disk.ts";
import { SimulatedDisk, type SimulatedDiskOptions } from "../seams/simulated-disk.ts";
import { RecordEncoder } from "./encoder.ts";
import { decodeHardState, decodeSnapshot, malformedRecord } from "./messages.ts";
import { listSegments } from "./recovery.ts";
import { readSegment } from "./segment-reader.ts";
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

/** All snapshot records of a log that its commit covers, in order of appearance, by reading all of it from the front. */
export async function validSnapshots(disk: Disk, directory: string): Promise<WalSnapshot[]> {
  const snapshots: WalSnapshot[] = [];
  let commit = 0;
  let crc = 0;
  const segments = await listSegments(disk, directory);
  for (const segment of segments) {
    const file = await disk.open(`${directory}/${segment.name}`, "read");
    ({ crc } = await readSegment(file, {
      crc,
      isLast: segment === segments.at(-1),
      keepsViews: false,
      onRecord: ({ type, bytes, dataStart, dataEnd, offset }) => {
        try {
          if (type === RecordType.snapshot) snapshots.push(decodeSnapshot(bytes, dataStart, dataEnd));
          else if (type === RecordType.state) ({ commit } = decodeHardState(bytes, dataStart, dataEnd));
        } catch (error) {
          throw malformedRecord(error, { file: `${directory}/${segment.name}`, offset });
        }
      },
    }).finally(() => file.close()));
  }
  return snapshots.filter(({ index }) => index <= commit);
}

/** `disk`, with a count of the bytes that are read from the files opened through it. */
export class CountingDisk {
  bytesRead = 0;
  readonly disk: Disk;

  constructor(disk: Disk) {
    const open = async (path: string, mode: OpenMode) => this.#counted(await disk.open(path, mode));
    this.disk = new Proxy(disk, { get: (target, name) => (name === "open" ? open : method(target, name)) });
  }

  #counted(file: DiskFile): DiskFile {
    const read = async (target: Uint8Array, position: number) => {
      const count = await file.read(target, position);
      this.bytesRead += count;
      return count;
    };
    return new Proxy(file, { get: (target, name) => (name === "read" ? read : method(target, name)) });
  }
}

function method(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target);
  return typeof value === "function" ? value.bind(target) : value;
}
