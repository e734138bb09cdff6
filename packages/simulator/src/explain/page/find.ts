import { FAULT_ROW_PX, type Lane, LOG_PX } from "./lanes.ts";
import { arrowOf, barMiddles, distanceTo, visibleMessages } from "./message-geometry.ts";
import { AXIS_PX, type Found, GUTTER_PX, type View } from "./view.ts";

const NEAR_PX = 4;

/** What is drawn at a point of the canvas. */
export function find(view: View, x: number, y: number): Found | undefined {
  if (x < GUTTER_PX || y < AXIS_PX) return undefined;
  const lane = view.lanes.find((each) => {
    const top = view.top(each);
    return y >= top && y < top + each.heightPx;
  });
  if (lane?.kind === "faults") return findFault(view, lane, x, y);
  if (lane?.kind === "links") return findLinks(view, x);
  if (lane?.kind === "client") return findCall(view, lane, x);
  const message = findMessage(view, x, y);
  if (message !== undefined) return { kind: "message", message };
  return lane === undefined ? undefined : findInMember(view, lane, x, y);
}

function findFault(view: View, lane: Lane, x: number, y: number): Found | undefined {
  const row = Math.floor((y - view.top(lane)) / FAULT_ROW_PX);
  const fault = view.timeline.faults.findLastIndex(
    ({ startMs, endMs }, i) => view.faultRows[i] === row && isNear(view, x, startMs, endMs),
  );
  return fault === -1 ? undefined : { kind: "fault", fault };
}

function findLinks(view: View, x: number): Found | undefined {
  const link = view.timeline.links.findLastIndex(({ startMs, endMs }) => isNear(view, x, startMs, endMs));
  return link === -1 ? undefined : { kind: "links", link };
}

function findCall(view: View, lane: Lane, x: number): Found | undefined {
  const { calls, endMs: lastMs } = view.timeline;
  const call = view.calls[lane.index]!.findLast((i) =>
    isNear(view, x, calls[i]!.startMs, calls[i]!.endMs ?? lastMs),
  );
  return call === undefined ? undefined : { kind: "call", call };
}

function findMessage(view: View, x: number, y: number): number | undefined {
  const middles = barMiddles(view);
  let nearest: number | undefined;
  let nearestPx = NEAR_PX;
  visibleMessages(view, (message) => {
    const arrow = arrowOf(view, middles, message);
    const px = arrow === undefined ? Number.POSITIVE_INFINITY : distanceTo(arrow, x, y);
    if (px >= nearestPx) return;
    nearest = message;
    nearestPx = px;
  });
  return nearest;
}

function findInMember(view: View, lane: Lane, x: number, y: number): Found {
  if (y < view.top(lane) + LOG_PX) {
    const line = view.timeline.lines.findIndex(
      ({ atMs, member }) => member === lane.index && Math.abs(view.scale.x(atMs) - x) < NEAR_PX / 2,
    );
    if (line !== -1) return { kind: "line", line };
  }
  return { kind: "member", member: lane.index, atMs: view.scale.ms(x) };
}

function isNear({ scale }: View, x: number, startMs: number, endMs: number): boolean {
  return x >= scale.x(startMs) - NEAR_PX / 2 && x <= scale.x(endMs) + NEAR_PX / 2;
}
