import { COLOURS } from "./palette.ts";
import { AXIS_PX, GUTTER_PX, type View } from "./view.ts";

const TICK_PX = 110;

/** Lines through all lanes. */
export function drawGrid(context: CanvasRenderingContext2D, view: View, heightPx: number): void {
  context.fillStyle = COLOURS.grid;
  for (const ms of view.scale.ticks(TICK_PX)) context.fillRect(view.scale.x(ms), AXIS_PX, 1, heightPx);
}

/** The times, above all lanes, and what is marked at a time: violations and the selected time. */
export function drawAxis(
  context: CanvasRenderingContext2D,
  view: View,
  widthPx: number,
  heightPx: number,
): void {
  const { scale } = view;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, widthPx, AXIS_PX);
  context.fillStyle = COLOURS.line;
  context.fillRect(0, AXIS_PX - 1, widthPx, 1);
  context.fillStyle = COLOURS.faint;
  const ticks = scale.ticks(TICK_PX);
  const stepMs = ticks.length > 1 ? ticks[1]! - ticks[0]! : 1_000;
  const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(stepMs / 1_000) - 1e-9)));
  for (const ms of ticks) context.fillText(`${(ms / 1_000).toFixed(digits)} s`, scale.x(ms) + 4, AXIS_PX / 2);
  drawMark(context, view, view.cursorMs, COLOURS.cursor, heightPx);
  for (const { atMs } of view.timeline.violations) {
    drawMark(context, view, atMs, COLOURS.violation, heightPx);
  }
}

function drawMark(
  context: CanvasRenderingContext2D,
  { scale }: View,
  ms: number,
  colour: string,
  heightPx: number,
): void {
  const x = Math.round(scale.x(ms));
  if (x < GUTTER_PX || x > scale.rightPx) return;
  context.fillStyle = colour;
  context.fillRect(x, AXIS_PX - 8, 1, heightPx);
  context.beginPath();
  context.moveTo(x - 5, AXIS_PX - 9);
  context.lineTo(x + 6, AXIS_PX - 9);
  context.lineTo(x + 0.5, AXIS_PX - 1);
  context.fill();
}
