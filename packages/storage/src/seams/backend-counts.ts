import { exponentialBounds, Histogram } from "../histogram.ts";

const COMMIT_BOUNDS = exponentialBounds(0.001, 2, 14);

/** What a backend counts, and whoever has it do something. Plain numbers, read when metrics are asked for. */
export class BackendCounts {
  /** Of each commit, from its begin to its being durable. */
  readonly commitSeconds = new Histogram(COMMIT_BOUNDS);
  /** The parts of a commit: making room again in the tree, laying out its pages, writing them. */
  readonly rebalanceSeconds = new Histogram(COMMIT_BOUNDS);
  readonly spillSeconds = new Histogram(COMMIT_BOUNDS);
  readonly writeSeconds = new Histogram(COMMIT_BOUNDS);
  readonly defragmentSeconds = new Histogram(exponentialBounds(0.1, 2, 13));
  /** Defragmentations under way. */
  defragmenting = 0;
  /** Pages that scrubs have found as they were written. */
  scrubbedPages = 0;
  /** Of each export that was sent, from its begin to its last byte. */
  readonly snapshotSeconds = new Histogram(exponentialBounds(0.01, 2, 17));
  /** Exports that are open. */
  openExports = 0;
}
