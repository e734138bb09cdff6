/** A table in a frame: names in capitals in the middle, everything else to the right. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const names = head.map((name) => name.replaceAll("_", " ").toUpperCase());
  const widths = names.map((name, i) => Math.max(width(name), ...rows.map((row) => width(row[i]!))));
  const rule = (left: string, middle: string, right: string) =>
    `${left}${widths.map((w) => "─".repeat(w + 2)).join(middle)}${right}\n`;
  const line = (cells: readonly string[]) => `│ ${cells.join(" │ ")} │\n`;
  const body = rows.map((row) => line(row.map((cell, i) => " ".repeat(widths[i]! - width(cell)) + cell)));
  return [
    rule("┌", "┬", "┐"),
    line(names.map((name, i) => centred(name, widths[i]!))),
    ...(rows.length > 0 ? [rule("├", "┼", "┤"), ...body] : []),
    rule("└", "┴", "┘"),
  ].join("");
}

function centred(text: string, room: number): string {
  const gap = room - width(text);
  const left = Math.floor(gap / 2);
  return " ".repeat(left) + text + " ".repeat(gap - left);
}

function width(text: string): number {
  return [...text].length;
}
