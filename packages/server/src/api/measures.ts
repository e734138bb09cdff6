import type { Clock } from "@quorate/storage/seams/clock";
import { SnapTimes } from "@quorate/storage/snap/snap-times";
import { LastExecuted, OperationTimes } from "../operations/operation-times.ts";
import { ReadTimes } from "../operations/read-times.ts";

/** Learners that this member was asked to promote, as the leader. */
class PromotionCounts {
  successes = 0;
  /** By the text of the failure. */
  readonly failures = new Map<string, number>();
}

/** What is counted of a member that belongs to none of its parts alone; read when metrics are asked for. */
export class Measures {
  readonly operations = new OperationTimes();
  readonly executed = new LastExecuted();
  /** Of reads that go through no log. */
  readonly ranges: ReadTimes;
  readonly readOnlyTxns: ReadTimes;
  readonly snap: SnapTimes;
  readonly promotions = new PromotionCounts();
  /** Streams that failed for what their clients sent, by etcd's name for what they are. */
  readonly streamFailures = { watch: 0, "lease-keepalive": 0 };
  /** Snapshots of a leader that are being installed. */
  installing = 0;

  constructor(clock: Clock) {
    this.ranges = new ReadTimes(clock);
    this.readOnlyTxns = new ReadTimes(clock);
    this.snap = new SnapTimes(clock);
  }
}
