import type { MemberProgress } from "../timeline.ts";
import { fitText } from "./fit-text.ts";
import { type Lane, LOG_PX, MEMBER_BAR_PX, PROGRESS_PX } from "./lanes.ts";
import { lastAt } from "./ordered.ts";
import { COLOURS, ROLE_COLOURS } from "./palette.ts";
import type { View } from "./view.ts";

const TEXT_PX = 5;
const HATCH_PX = 6;
const SERVING_PX = 4;

/** What a member was at each time, and when it was paused or down. */
export function drawMemberBar(context: CanvasRenderingContext2D, view: View, lane: Lane): void {
  const { timeline, scale } = view;
  const top = view.top(lane) + LOG_PX;
  const states = view.states[lane.index]!;
  const last = lastAt(states, scale.toMs);
  for (let i = Math.max(0, lastAt(states, scale.fromMs)); i <= last; i++) {
    const { role, term, atMs } = states[i]!;
    const { left, width } = view.extent(atMs, states[i + 1]?.atMs ?? timeline.endMs);
    const middle = top + MEMBER_BAR_PX / 2;
    if (role === "down") {
      context.fillStyle = COLOURS.line;
      context.fillRect(left, top + MEMBER_BAR_PX - 1, width, 1);
      const endedBy = timeline.lives.find(({ member, endMs }) => member === lane.index && endMs === atMs);
      context.fillStyle = COLOURS.faultEdge;
      fitText(context, [`✕ ${endedBy?.endedBy}`, "✕"], left + 3, middle, width - 3);
      continue;
    }
    context.fillStyle = ROLE_COLOURS[role];
    context.fillRect(left, top, width, MEMBER_BAR_PX);
    context.fillStyle = "rgba(255, 255, 255, 0.8)";
    if (width > 4 && scale.x(atMs) > scale.leftPx) context.fillRect(left, top, 1, MEMBER_BAR_PX);
    context.fillStyle = COLOURS.text;
    const texts = term === 0 ? [role] : [`${role}, term ${term}`, `term ${term}`, `${term}`];
    fitText(context, texts, left + TEXT_PX, middle + 1, width - 2 * TEXT_PX);
  }
  drawServing(context, view, lane, top);
  drawPauses(context, view, lane, top);
}

/** From when on clients can call it: a triangle under the bar. */
function drawServing(context: CanvasRenderingContext2D, view: View, lane: Lane, top: number): void {
  context.fillStyle = COLOURS.text;
  for (const { member, servingMs } of view.timeline.lives) {
    if (member !== lane.index || servingMs === null || !view.isVisible(servingMs, servingMs)) continue;
    const x = view.scale.x(servingMs);
    context.beginPath();
    context.moveTo(x, top + MEMBER_BAR_PX - 3);
    context.lineTo(x - SERVING_PX, top + MEMBER_BAR_PX + SERVING_PX);
    context.lineTo(x + SERVING_PX, top + MEMBER_BAR_PX + SERVING_PX);
    context.fill();
  }
}

function drawPauses(context: CanvasRenderingContext2D, view: View, lane: Lane, top: number): void {
  for (const { member, startMs, endMs } of view.timeline.pauses) {
    const untilMs = endMs ?? view.timeline.endMs;
    if (member !== lane.index || !view.isVisible(startMs, untilMs)) continue;
    const { left, width } = view.extent(startMs, untilMs);
    context.save();
    context.beginPath();
    context.rect(left, top, width, MEMBER_BAR_PX);
    context.clip();
    context.strokeStyle = COLOURS.pause;
    context.beginPath();
    for (let x = left - MEMBER_BAR_PX; x < left + width; x += HATCH_PX) {
      context.moveTo(x, top + MEMBER_BAR_PX);
      context.lineTo(x + MEMBER_BAR_PX, top);
    }
    context.stroke();
    context.restore();
  }
}

/** A mark for each line of its log. */
export function drawLog(context: CanvasRenderingContext2D, view: View, lane: Lane): void {
  const { timeline, scale } = view;
  context.fillStyle = COLOURS.log;
  let lastX = -1;
  for (let i = Math.max(0, lastAt(timeline.lines, scale.fromMs)); i < timeline.lines.length; i++) {
    const { atMs, member } = timeline.lines[i]!;
    if (atMs > scale.toMs) return;
    const x = Math.round(scale.x(atMs));
    if (member !== lane.index || x === lastX || x < scale.leftPx) continue;
    lastX = x;
    context.fillRect(x, view.top(lane) + 2, 1, LOG_PX - 3);
  }
}

/** How far the logs of all members have come, on one scale, so that who is behind is lower. */
export function drawProgress(context: CanvasRenderingContext2D, view: View, lane: Lane): void {
  const [from, to] = visibleIndexes(view);
  const bottom = view.top(lane) + LOG_PX + MEMBER_BAR_PX + PROGRESS_PX - 2;
  context.save();
  clipToLives(context, view, lane);
  const y = (index: number) => bottom - ((index - from) / Math.max(1, to - from)) * (PROGRESS_PX - 5);
  for (const [name, colour] of [
    ["lastIndex", COLOURS.lastIndex],
    ["committed", COLOURS.committed],
    ["applied", COLOURS.applied],
  ] as const) {
    drawSteps(context, view, lane, (progress) => y(progress[name]), colour);
  }
  context.restore();
}

function clipToLives(context: CanvasRenderingContext2D, view: View, lane: Lane): void {
  context.beginPath();
  for (const { member, startMs, endMs } of view.timeline.lives) {
    if (member !== lane.index) continue;
    const { left, width } = view.extent(startMs, endMs ?? view.timeline.endMs);
    context.rect(left, view.top(lane), width, lane.heightPx);
  }
  context.clip();
}

function drawSteps(
  context: CanvasRenderingContext2D,
  view: View,
  lane: Lane,
  y: (progress: MemberProgress) => number,
  colour: string,
): void {
  const { scale } = view;
  const points = view.progress[lane.index]!;
  const last = lastAt(points, scale.toMs);
  const first = Math.max(0, lastAt(points, scale.fromMs));
  if (last < first) return;
  context.strokeStyle = colour;
  context.beginPath();
  let lastX = Number.NEGATIVE_INFINITY;
  for (let i = first; i <= last; i++) {
    const x = Math.max(scale.leftPx, scale.x(points[i]!.atMs));
    if (x - lastX < 0.5 && i < last) continue;
    if (i === first) context.moveTo(x, y(points[i]!));
    else context.lineTo(x, y(points[i - 1]!));
    context.lineTo(x, y(points[i]!));
    lastX = x;
  }
  context.lineTo(Math.min(scale.rightPx, scale.x(view.timeline.endMs)), y(points[last]!));
  context.stroke();
}

function visibleIndexes({ progress, scale }: View): [number, number] {
  let from = Number.POSITIVE_INFINITY;
  let to = 0;
  for (const points of progress) {
    for (const at of [Math.max(0, lastAt(points, scale.fromMs)), lastAt(points, scale.toMs)]) {
      if (points[at] === undefined) continue;
      from = Math.min(from, points[at].applied);
      to = Math.max(to, points[at].lastIndex);
    }
  }
  return [Math.min(from, to), to];
}
