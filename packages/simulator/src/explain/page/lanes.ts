import type { FaultSpan, Timeline } from "../timeline.ts";

/** Which lanes are wanted. */
export interface LaneChoice {
  readonly clients: boolean;
  readonly watchers: boolean;
  readonly progress: boolean;
}

export interface Lane {
  readonly kind: "faults" | "links" | "member" | "client";
  readonly label: string;
  /** Of the member or client. */
  readonly index: number;
  readonly topPx: number;
  readonly heightPx: number;
}

export const FAULT_ROW_PX = 17;
export const MEMBER_BAR_PX = 18;
/** Between the top of a member's lane and its bar: marks of what its log says. */
export const LOG_PX = 8;
export const PROGRESS_PX = 24;
/** Below a member, where its messages can be seen. */
const MIN_GAP_PX = 34;
const MAX_GAP_PX = 110;
const MARGIN_PX = 4;
const CLIENT_PX = 18;
const LINKS_PX = 20;
const MAX_FAULT_ROWS = 8;

/** All lanes from top to bottom, from 0 on. Members take what room there is in `heightPx`. */
export function layOut(
  timeline: Timeline,
  faultRows: readonly number[],
  choice: LaneChoice,
  heightPx: number,
): Lane[] {
  const tight = place(timeline, faultRows, choice, MIN_GAP_PX).at(-1);
  const sparePx = tight === undefined ? 0 : heightPx - tight.topPx - tight.heightPx - MARGIN_PX;
  const gapPx = MIN_GAP_PX + Math.max(0, Math.floor(sparePx / timeline.members.length));
  return place(timeline, faultRows, choice, Math.min(MAX_GAP_PX, gapPx));
}

function place(timeline: Timeline, faultRows: readonly number[], choice: LaneChoice, gapPx: number): Lane[] {
  const lanes: Lane[] = [];
  let topPx = MARGIN_PX;
  const add = (kind: Lane["kind"], label: string, index: number, heightPx: number) => {
    lanes.push({ kind, label, index, topPx, heightPx });
    topPx += heightPx;
  };
  const rows = Math.max(1, ...faultRows.map((row) => row + 1));
  if (timeline.faults.length > 0) add("faults", "faults", 0, rows * FAULT_ROW_PX + 4);
  if (timeline.links.length > 0) add("links", "links", 0, LINKS_PX);
  const progressPx = choice.progress ? PROGRESS_PX : 0;
  timeline.members.forEach((name, i) => {
    add("member", name, i, LOG_PX + MEMBER_BAR_PX + progressPx + gapPx);
  });
  timeline.clients.forEach(({ name, isWatcher }, i) => {
    if (isWatcher ? choice.watchers : choice.clients) add("client", name, i, CLIENT_PX);
  });
  return lanes;
}

/** For each fault a row, so that faults of one row do not overlap, as far as there are rows. Faults ascend by start. */
export function packFaults(faults: readonly FaultSpan[]): number[] {
  const ends: number[] = [];
  return faults.map(({ startMs, endMs }) => {
    const free = ends.findIndex((end) => end <= startMs);
    const isFull = free === -1 && ends.length >= MAX_FAULT_ROWS;
    const row = free !== -1 ? free : isFull ? ends.indexOf(Math.min(...ends)) : ends.length;
    ends[row] = endMs;
    return row;
  });
}
