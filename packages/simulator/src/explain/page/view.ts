import type { Delivery, MemberProgress, MemberState, Timeline } from "../timeline.ts";
import { type Lane, type LaneChoice, layOut, packFaults } from "./lanes.ts";
import { TimeScale } from "./time-scale.ts";

/** What is under the pointer; numbers are places in the timeline's lists. */
export type Found =
  | { readonly kind: "message"; readonly message: number }
  | { readonly kind: "fault"; readonly fault: number }
  | { readonly kind: "links"; readonly link: number }
  | { readonly kind: "call"; readonly call: number }
  | { readonly kind: "line"; readonly line: number }
  | { readonly kind: "member"; readonly member: number; readonly atMs: number };

/** Where the lanes begin: right of their names, and below the times. */
export const GUTTER_PX = 132;
export const AXIS_PX = 26;
const HEARTBEAT = /^MsgHeartbeat/;

/** What of the timeline is visible, and how. */
export class View {
  readonly timeline: Timeline;
  readonly scale: TimeScale;
  /** By member. */
  readonly states: readonly (readonly MemberState[])[];
  readonly progress: readonly (readonly MemberProgress[])[];
  /** By client: the places of its calls. */
  readonly calls: readonly (readonly number[])[];
  /** By client. */
  readonly deliveries: readonly (readonly Delivery[])[];
  /** By fault. */
  readonly faultRows: readonly number[];
  /** Message types that are shown, by their place in the table. */
  readonly types: Set<number>;
  choice: LaneChoice = { clients: true, watchers: false, progress: true };
  lanes: readonly Lane[] = [];
  scrollPx = 0;
  /** The time that is selected. */
  cursorMs: number;
  hovered: Found | undefined;

  constructor(timeline: Timeline) {
    this.timeline = timeline;
    this.scale = new TimeScale(timeline.endMs);
    this.states = group(timeline.states, timeline.members.length, ({ member }) => member);
    this.progress = group(timeline.progress, timeline.members.length, ({ member }) => member);
    this.calls = group(
      [...timeline.calls.keys()],
      timeline.clients.length,
      (call) => timeline.calls[call]!.client,
    );
    this.deliveries = group(timeline.deliveries, timeline.clients.length, ({ client }) => client);
    this.faultRows = packFaults(timeline.faults);
    const { types } = timeline.messages;
    this.types = new Set([...types.keys()].filter((i) => !HEARTBEAT.test(types[i]!)));
    this.cursorMs = timeline.violations[0]?.atMs ?? timeline.endMs;
  }

  /** `heightPx`: what there is for lanes. */
  layOut(heightPx: number): void {
    this.lanes = layOut(this.timeline, this.faultRows, this.choice, heightPx);
  }

  /** Of all lanes. */
  get heightPx(): number {
    const last = this.lanes.at(-1);
    return last === undefined ? 0 : last.topPx + last.heightPx;
  }

  top(lane: Lane): number {
    return AXIS_PX + lane.topPx - this.scrollPx;
  }

  memberLane(member: number): Lane | undefined {
    return this.lanes.find(({ kind, index }) => kind === "member" && index === member);
  }

  isVisible(startMs: number, endMs: number): boolean {
    return endMs >= this.scale.fromMs && startMs <= this.scale.toMs;
  }

  /** The left edge and the width on the canvas of what lasts from `startMs` to `endMs`, cut off where it is invisible. */
  extent(startMs: number, endMs: number, minPx = 1): { left: number; width: number } {
    const { scale } = this;
    const left = Math.max(scale.x(startMs), scale.leftPx - 2);
    const right = Math.min(scale.x(endMs), scale.rightPx + 2);
    return { left, width: Math.max(right - left, minPx) };
  }
}

function group<Item>(items: readonly Item[], count: number, of: (item: Item) => number): Item[][] {
  const groups: Item[][] = Array.from({ length: count }, () => []);
  for (const item of items) groups[of(item)]?.push(item);
  return groups;
}
