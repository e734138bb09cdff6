import { type Arrow, arrowOf, barMiddles, visibleMessages } from "./message-geometry.ts";
import { COLOURS, messageColour } from "./palette.ts";
import type { View } from "./view.ts";

/** With more arrows than these, lines without heads are all that can be told apart. */
const MAX_HEADS = 1_500;
/** Of so many arrows, each is drawn at full strength; of more, weaker. */
const STRONG_COUNT = 400;
const HEAD_PX = 5;
const CROSS_PX = 3;

/** Messages as arrows; those that were lost end in a cross. Returns how many are visible. */
export function drawMessages(context: CanvasRenderingContext2D, view: View): number {
  const { messages } = view.timeline;
  const middles = barMiddles(view);
  const members = view.timeline.members.length;
  const arrows: Arrow[][] = messages.types.map(() => []);
  const lost: Arrow[] = [];
  // Of arrows between the same members that begin and end in the same column of pixels, one is enough.
  const lastColumns = new Map<number, number>();
  let count = 0;
  visibleMessages(view, (i) => {
    count++;
    const arrow = arrowOf(view, middles, i);
    if (arrow === undefined) return;
    const isLost = messages.lostBy[i]! >= 0;
    const link = ((messages.type[i]! * members + messages.from[i]!) * members + messages.to[i]!) * 2;
    const column = Math.floor(arrow.fromX) * 16_384 + Math.floor(arrow.toX);
    if (lastColumns.get(link + Number(isLost)) === column) return;
    lastColumns.set(link + Number(isLost), column);
    arrows[messages.type[i]!]!.push(arrow);
    if (isLost) lost.push(arrow);
  });
  const drawn = arrows.reduce((sum, { length }) => sum + length, 0);
  context.globalAlpha = Math.max(0.12, Math.min(0.85, STRONG_COUNT / Math.max(1, drawn)));
  arrows.forEach((ofType, type) => {
    context.strokeStyle = messageColour(messages.types[type]!);
    strokeArrows(context, ofType, drawn <= MAX_HEADS);
  });
  context.globalAlpha = drawn <= MAX_HEADS ? 1 : 0.4;
  context.strokeStyle = COLOURS.violation;
  strokeCrosses(context, lost);
  context.globalAlpha = 1;
  return count;
}

export function drawHighlightedMessage(context: CanvasRenderingContext2D, view: View, message: number): void {
  const arrow = arrowOf(view, barMiddles(view), message);
  if (arrow === undefined) return;
  context.lineWidth = 2.5;
  context.strokeStyle = COLOURS.text;
  strokeArrows(context, [arrow], true);
  context.lineWidth = 1;
}

function strokeArrows(context: CanvasRenderingContext2D, arrows: readonly Arrow[], withHeads: boolean): void {
  context.beginPath();
  for (const { fromX, fromY, toX, toY } of arrows) {
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
    if (!withHeads) continue;
    const angle = Math.atan2(toY - fromY, toX - fromX);
    for (const turn of [0.4, -0.4]) {
      context.moveTo(toX, toY);
      context.lineTo(toX - HEAD_PX * Math.cos(angle + turn), toY - HEAD_PX * Math.sin(angle + turn));
    }
  }
  context.stroke();
}

function strokeCrosses(context: CanvasRenderingContext2D, arrows: readonly Arrow[]): void {
  context.beginPath();
  for (const { toX, toY } of arrows) {
    context.moveTo(toX - CROSS_PX, toY - CROSS_PX);
    context.lineTo(toX + CROSS_PX, toY + CROSS_PX);
    context.moveTo(toX + CROSS_PX, toY - CROSS_PX);
    context.lineTo(toX - CROSS_PX, toY + CROSS_PX);
  }
  context.stroke();
}
