import { fitText } from "./fit-text.ts";
import { FAULT_ROW_PX, type Lane } from "./lanes.ts";
import { COLOURS } from "./palette.ts";
import type { View } from "./view.ts";

const MIN_PX = 3;
const TEXT_PX = 5;

/** Each fault as a band, from when it was made to when it was made good again. */
export function drawFaults(context: CanvasRenderingContext2D, view: View, lane: Lane): void {
  const { timeline, faultRows, scale } = view;
  timeline.faults.forEach((fault, i) => {
    if (!view.isVisible(fault.startMs, fault.endMs)) return;
    const top = view.top(lane) + faultRows[i]! * FAULT_ROW_PX + 2;
    const { left, width } = view.extent(fault.startMs, fault.endMs, MIN_PX);
    context.fillStyle = COLOURS.fault;
    context.fillRect(left, top, width, FAULT_ROW_PX - 3);
    context.fillStyle = COLOURS.faultEdge;
    if (scale.x(fault.startMs) >= scale.leftPx) context.fillRect(left, top, 2, FAULT_ROW_PX - 3);
    const next = timeline.faults.findIndex((_, other) => other > i && faultRows[other] === faultRows[i]);
    const nextMs = timeline.faults[next]?.startMs ?? Number.POSITIVE_INFINITY;
    // Behind a short band its name has the room up to the next one.
    const roomPx = Math.min(scale.x(nextMs), scale.rightPx) - left - 2 * TEXT_PX;
    context.fillStyle = COLOURS.text;
    const name = `${fault.number} ${fault.kind} ${timeline.members[fault.member]}`;
    fitText(context, [name, `${fault.number}`], left + TEXT_PX, top + FAULT_ROW_PX / 2 - 1, roomPx);
  });
}

export function drawLinks(context: CanvasRenderingContext2D, view: View, lane: Lane): void {
  const top = view.top(lane) + 2;
  for (const { startMs, endMs, text } of view.timeline.links) {
    if (!view.isVisible(startMs, endMs)) continue;
    const { left, width } = view.extent(startMs, endMs);
    context.fillStyle = COLOURS.links;
    context.fillRect(left, top, width - (width > 3 ? 1 : 0), lane.heightPx - 5);
    context.fillStyle = COLOURS.text;
    const [kinds] = [
      text
        .split("; ")
        .map((part) => part.split(":")[0])
        .join("; "),
    ];
    fitText(context, [text, kinds!], left + TEXT_PX, top + lane.heightPx / 2 - 2, width - 2 * TEXT_PX);
  }
}

/** What hits a member shades its lane. */
export function shadeFaults(context: CanvasRenderingContext2D, view: View, lane: Lane): void {
  context.fillStyle = COLOURS.faultShade;
  for (const fault of view.timeline.faults) {
    if (fault.member !== lane.index || !view.isVisible(fault.startMs, fault.endMs)) continue;
    const { left, width } = view.extent(fault.startMs, fault.endMs);
    context.fillRect(left, view.top(lane), width, lane.heightPx);
  }
}
