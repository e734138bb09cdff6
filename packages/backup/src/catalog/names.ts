/**
 * The names of objects: `CLUSTER/CHAIN/snapshot-REVISION-TIME` and `CLUSTER/CHAIN/archive-REVISION-WRITER`, with numbers of
 * equal lengths, so that names are in the order of what they name. A cluster's ID is in hexadecimal, a chain's name begins with the time of its
 * beginning, a segment's revision is its first, times are milliseconds since 1970.
 */
export interface SnapshotName {
  readonly kind: "snapshot";
  readonly name: string;
  readonly cluster: string;
  readonly chain: string;
  readonly revision: number;
  readonly takenAtMs: number;
}

export interface SegmentName {
  readonly kind: "segment";
  readonly name: string;
  readonly cluster: string;
  readonly chain: string;
  readonly firstRevision: number;
  /** Which process has put it. */
  readonly writer: string;
}

const REVISION_DIGITS = 16;
const TIME_DIGITS = 14;
const SNAPSHOT = /^([0-9a-f]{16})\/(\d{14}-[0-9a-f]{8})\/snapshot-(\d{16})-(\d{14})$/;
const SEGMENT = /^([0-9a-f]{16})\/(\d{14}-[0-9a-f]{8})\/archive-(\d{16})-([0-9a-f]{8})$/;

export function snapshotName(
  cluster: string,
  chain: string,
  revision: number,
  takenAtMs: number,
): SnapshotName {
  const name = `${cluster}/${chain}/snapshot-${digits(revision, REVISION_DIGITS)}-${digits(takenAtMs, TIME_DIGITS)}`;
  return { kind: "snapshot", name, cluster, chain, revision, takenAtMs };
}

export function segmentName(
  cluster: string,
  chain: string,
  firstRevision: number,
  writer: string,
): SegmentName {
  const name = `${cluster}/${chain}/archive-${digits(firstRevision, REVISION_DIGITS)}-${writer}`;
  return { kind: "segment", name, cluster, chain, firstRevision, writer };
}

/** `unique` is 8 hexadecimal digits. */
export function chainName(begunAtMs: number, unique: string): string {
  return `${digits(begunAtMs, TIME_DIGITS)}-${unique}`;
}

/** Undefined for what is not of a backup. */
export function parseName(name: string): SnapshotName | SegmentName | undefined {
  const snapshot = SNAPSHOT.exec(name);
  if (snapshot !== null)
    return snapshotName(snapshot[1]!, snapshot[2]!, Number(snapshot[3]), Number(snapshot[4]));
  const segment = SEGMENT.exec(name);
  if (segment !== null) return segmentName(segment[1]!, segment[2]!, Number(segment[3]), segment[4]!);
  return undefined;
}

function digits(value: number, count: number): string {
  return `${value}`.padStart(count, "0");
}
