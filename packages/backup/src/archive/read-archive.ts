import type { Chain } from "../catalog/catalog.ts";
import { BackupError } from "../errors.ts";
import type { BackupKey } from "../sealed/key.ts";
import { unseal } from "../sealed/sealed-object.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { type ArchiveRecord, type ChangesRecord, decodeRecords } from "./records.ts";
import { byRevision, type RevisionChanges } from "./revisions.ts";

type Segment = Chain["segments"][number];
type Rest = Exclude<ArchiveRecord, { kind: "head" | "changes" }>;

/** A revision with what is known of it, or another record. */
export type ArchivedItem = (RevisionChanges & Pick<ChangesRecord, "kind" | "timeMs" | "term">) | Rest;

/** The records of one segment behind its head. Throws BackupError when it is not what its name says. */
async function* readSegment(
  store: ObjectStore,
  segment: Segment,
  key: BackupKey | undefined,
): AsyncGenerator<Exclude<ArchiveRecord, { kind: "head" }>, void> {
  const { name, cluster, chain, firstRevision } = segment;
  let begun = false;
  for await (const record of decodeRecords(name, unseal(name, store.get(name), key))) {
    if (record.kind === "head") {
      const isIts =
        record.cluster === cluster && record.chain === chain && record.after === firstRevision - 1;
      if (begun || !isIts) throw new BackupError("DAMAGED", `${name} has the content of another object`);
      begun = true;
    } else if (begun) yield record;
    else throw new BackupError("DAMAGED", `${name} does not say what it is`);
  }
  if (!begun) throw new BackupError("DAMAGED", `${name} is empty`);
}

/**
 * Everything that a chain has archived behind revision `after`: each revision once and without a gap, with the other records between them as they
 * were written. `onSegment` is told of each object before it is read. Throws BackupError when a revision is missing before
 * one that is there.
 */
export async function* readArchive(
  store: ObjectStore,
  chain: Chain,
  after: number,
  key: BackupKey | undefined,
  onSegment: (segment: Segment) => void = () => {},
): AsyncGenerator<ArchivedItem, void> {
  let last = after;
  let before: Segment | undefined;
  for (const segment of segmentsBehind(chain.segments, after)) {
    onSegment(segment);
    for await (const record of readSegment(store, segment, key)) {
      if (record.kind !== "changes") {
        yield record;
        continue;
      }
      const { kind, timeMs, term } = record;
      for (const { revision, events } of byRevision(record.events)) {
        if (revision <= last) continue;
        if (revision !== last + 1) throw missing(chain, last + 1, revision - 1, before, segment);
        last = revision;
        yield { kind, timeMs, term, revision, events };
      }
    }
    before = segment;
  }
}

/** Those that may have something behind `after`: of each writer, what follows it and the one that it may lie in. */
function segmentsBehind(segments: readonly Segment[], after: number): Segment[] {
  const skipped = new Set<Segment>();
  const lastOf = new Map<string, Segment>();
  for (const segment of segments) {
    const earlier = lastOf.get(segment.writer);
    if (earlier !== undefined && segment.firstRevision <= after + 1) skipped.add(earlier);
    lastOf.set(segment.writer, segment);
  }
  return segments.filter((segment) => !skipped.has(segment));
}

function missing(
  chain: Chain,
  from: number,
  to: number,
  before: Segment | undefined,
  behind: Segment,
): BackupError {
  const what = from === to ? `revision ${from} is missing` : `revisions ${from} to ${to} are missing`;
  const where = before === undefined ? `before ${behind.name}` : `between ${before.name} and ${behind.name}`;
  return new BackupError("NOT_KEPT", `${what} from the archive of chain ${chain.name}, ${where}`);
}
