import { LOG_PX, MEMBER_BAR_PX } from "./lanes.ts";
import type { View } from "./view.ts";

/** Part of the way after which a message that is lost ends. */
const LOST_AT = 0.55;

export interface Arrow {
  readonly fromX: number;
  readonly fromY: number;
  readonly toX: number;
  readonly toY: number;
}

/** For each member the middle of its bar; undefined while it has no lane. */
export function barMiddles(view: View): (number | undefined)[] {
  return view.timeline.members.map((_, member) => {
    const lane = view.memberLane(member);
    return lane === undefined ? undefined : view.top(lane) + LOG_PX + MEMBER_BAR_PX / 2;
  });
}

/** Calls `visit` for each message that is shown and at least partly visible, in the order in which they were sent. */
export function visibleMessages(view: View, visit: (message: number) => void): void {
  const { sentMs, receivedMs, type } = view.timeline.messages;
  const { fromMs, toMs } = view.scale;
  for (let i = 0; i < sentMs.length && sentMs[i]! <= toMs; i++) {
    if ((receivedMs[i] ?? sentMs[i]!) >= fromMs && view.types.has(type[i]!)) visit(i);
  }
}

/** From the edge of one member's bar to that of another's. */
export function arrowOf(
  view: View,
  middles: readonly (number | undefined)[],
  message: number,
): Arrow | undefined {
  const { from, to, sentMs, receivedMs } = view.timeline.messages;
  const [start, end] = [middles[from[message]!], middles[to[message]!]];
  if (start === undefined || end === undefined || start === end) return undefined;
  const edgePx = (MEMBER_BAR_PX / 2) * Math.sign(end - start);
  const [fromY, toY] = [start + edgePx, end - edgePx];
  const fromX = view.scale.x(sentMs[message]!);
  const received = receivedMs[message];
  if (received === null || received === undefined) {
    return { fromX, fromY, toX: fromX, toY: fromY + LOST_AT * (toY - fromY) };
  }
  return { fromX, fromY, toX: view.scale.x(received), toY };
}

/** How far a point is from an arrow. */
export function distanceTo({ fromX, fromY, toX, toY }: Arrow, x: number, y: number): number {
  const [dx, dy] = [toX - fromX, toY - fromY];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - fromX) * dx + (y - fromY) * dy) / length));
  return Math.hypot(x - fromX - along * dx, y - fromY - along * dy);
}
