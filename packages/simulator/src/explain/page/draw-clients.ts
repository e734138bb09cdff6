import { fitText } from "./fit-text.ts";
import type { Lane } from "./lanes.ts";
import { LOG_PX, MEMBER_BAR_PX } from "./lanes.ts";
import { COLOURS, OUTCOME_COLOURS } from "./palette.ts";
import type { View } from "./view.ts";

const TEXT_PX = 4;
const MIN_PX = 2;

/** What a client asked, from when it asked to when it was told; a watcher's streams, with a mark for each response. */
export function drawClient(context: CanvasRenderingContext2D, view: View, lane: Lane): void {
  const { timeline, scale } = view;
  const { isWatcher } = timeline.clients[lane.index]!;
  const top = view.top(lane) + 2;
  const height = lane.heightPx - 4;
  for (const i of view.calls[lane.index]!) {
    const call = timeline.calls[i]!;
    if (call.startMs > scale.toMs) break;
    const endMs = call.endMs ?? timeline.endMs;
    if (endMs < scale.fromMs) continue;
    const { left, width } = view.extent(call.startMs, endMs, MIN_PX);
    context.fillStyle = isWatcher ? COLOURS.stream : OUTCOME_COLOURS[call.outcome];
    context.fillRect(left, top, width, height);
    // So that one call can be told from the next.
    context.fillStyle = "#fff";
    if (width > 4) context.fillRect(left + width - 1, top, 1, height);
    context.fillStyle = COLOURS.text;
    if (width > 24) fitText(context, [call.what], left + TEXT_PX, top + height / 2 + 1, width - 2 * TEXT_PX);
  }
  context.fillStyle = COLOURS.delivery;
  let lastX = -1;
  for (const { atMs } of view.deliveries[lane.index]!) {
    if (!view.isVisible(atMs, atMs)) continue;
    const x = Math.round(scale.x(atMs));
    if (x !== lastX) context.fillRect(x, top + 2, 1, height - 4);
    lastX = x;
  }
  for (const { call } of timeline.violations) if (call !== null) outline(context, view, lane, call);
}

/** A line from a call to the member that was asked. */
export function drawHighlightedCall(context: CanvasRenderingContext2D, view: View, call: number): void {
  const { client, member, startMs, endMs } = view.timeline.calls[call]!;
  const from = view.lanes.find(({ kind, index }) => kind === "client" && index === client);
  const to = view.memberLane(member);
  if (from === undefined || to === undefined) return;
  context.strokeStyle = COLOURS.text;
  context.setLineDash([4, 3]);
  context.beginPath();
  for (const ms of [startMs, endMs ?? startMs]) {
    context.moveTo(view.scale.x(ms), view.top(from) + 2);
    context.lineTo(view.scale.x(ms), view.top(to) + LOG_PX + MEMBER_BAR_PX);
  }
  context.stroke();
  context.setLineDash([]);
}

function outline(context: CanvasRenderingContext2D, view: View, lane: Lane, call: number): void {
  const { client, startMs, endMs } = view.timeline.calls[call]!;
  if (client !== lane.index || !view.isVisible(startMs, endMs ?? startMs)) return;
  const { left, width } = view.extent(startMs, endMs ?? view.timeline.endMs, MIN_PX);
  context.strokeStyle = COLOURS.violation;
  context.lineWidth = 2;
  context.strokeRect(left - 1, view.top(lane) + 1, width + 2, lane.heightPx - 2);
  context.lineWidth = 1;
}
