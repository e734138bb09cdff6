/** Writes the first of `texts` that is no wider than `widthPx`, if there is one. Returns whether there was. */
export function fitText(
  context: CanvasRenderingContext2D,
  texts: readonly string[],
  x: number,
  y: number,
  widthPx: number,
): boolean {
  const text = texts.find((each) => context.measureText(each).width <= widthPx);
  if (text !== undefined) context.fillText(text, x, y);
  return text !== undefined;
}
