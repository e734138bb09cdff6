import { drawAxis, drawGrid } from "./draw-axis.ts";
import { drawClient, drawHighlightedCall } from "./draw-clients.ts";
import { drawFaults, drawLinks, shadeFaults } from "./draw-faults.ts";
import { drawLog, drawMemberBar, drawProgress } from "./draw-members.ts";
import { drawHighlightedMessage, drawMessages } from "./draw-messages.ts";
import { LOG_PX, MEMBER_BAR_PX } from "./lanes.ts";
import { COLOURS } from "./palette.ts";
import { AXIS_PX, GUTTER_PX, type View } from "./view.ts";

const NAME_PX = 10;

/** Draws all that is visible. Returns how many messages are. */
export function draw(
  context: CanvasRenderingContext2D,
  view: View,
  widthPx: number,
  heightPx: number,
): number {
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.clearRect(0, 0, widthPx, heightPx);
  drawGrid(context, view, heightPx);
  const visible = view.lanes.filter(
    (lane) => view.top(lane) < heightPx && view.top(lane) + lane.heightPx > 0,
  );
  for (const lane of visible) {
    context.fillStyle = COLOURS.grid;
    context.fillRect(0, view.top(lane) + lane.heightPx - 1, widthPx, 1);
    if (lane.kind === "faults") drawFaults(context, view, lane);
    if (lane.kind === "links") drawLinks(context, view, lane);
    if (lane.kind === "client") drawClient(context, view, lane);
    if (lane.kind !== "member") continue;
    shadeFaults(context, view, lane);
    if (view.choice.progress) drawProgress(context, view, lane);
    drawLog(context, view, lane);
  }
  const messages = drawMessages(context, view);
  for (const lane of visible) if (lane.kind === "member") drawMemberBar(context, view, lane);
  if (view.hovered?.kind === "message") drawHighlightedMessage(context, view, view.hovered.message);
  if (view.hovered?.kind === "call") drawHighlightedCall(context, view, view.hovered.call);
  drawAxis(context, view, widthPx, heightPx);
  drawNames(context, view, heightPx);
  return messages;
}

function drawNames(context: CanvasRenderingContext2D, view: View, heightPx: number): void {
  context.fillStyle = "#fff";
  context.fillRect(0, AXIS_PX, GUTTER_PX, heightPx);
  context.fillStyle = COLOURS.line;
  context.fillRect(GUTTER_PX - 1, 0, 1, heightPx);
  context.save();
  context.beginPath();
  context.rect(0, AXIS_PX, GUTTER_PX - 4, heightPx);
  context.clip();
  for (const lane of view.lanes) {
    const isMember = lane.kind === "member";
    context.fillStyle = isMember ? COLOURS.text : COLOURS.faint;
    context.font = isMember ? "bold 13px system-ui, sans-serif" : "11px system-ui, sans-serif";
    const middle = isMember ? LOG_PX + MEMBER_BAR_PX / 2 : lane.heightPx / 2;
    context.fillText(lane.label, NAME_PX, view.top(lane) + middle + 1);
  }
  context.restore();
}
