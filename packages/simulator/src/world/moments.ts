/**
 * Moments at which a fault of one machine would hurt most:
 * - `pre-candidacy`, `candidacy`: its member asks whether it may, and then stands for election; nothing of it is on disk.
 * - `transfer`: its member is told to stand for election at once.
 * - `leadership`: its member leads, and has sent its first message as leader.
 * - `snapshot-arrives`, `snapshot-install`: another member sends it a snapshot; its log is replaced.
 * - `snapshot-file`, `snapshot-record`, `segment-cut`: what its disk is about to be given.
 * - `database-replaced`: a copy or a received database is about to take the place of its database.
 * - `membership`: its member has applied a change of the members.
 * - `maintenance`: its member has compacted or defragmented its database, or made a snapshot.
 * - `start`: its member is at an early step of its start.
 */
const MOMENTS = [
  "pre-candidacy",
  "candidacy",
  "transfer",
  "leadership",
  "snapshot-arrives",
  "snapshot-install",
  "snapshot-file",
  "snapshot-record",
  "segment-cut",
  "database-replaced",
  "membership",
  "maintenance",
  "start",
] as const;

export type Moment = (typeof MOMENTS)[number];

export interface MomentListener {
  /** A fault would hurt the machine at `address` most about now. */
  moment(address: string, moment: Moment): void;
}
