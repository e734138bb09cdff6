/** Rows below each other: numbers to the right, the last column, which may be coloured or long, as it is. */
export function columnsText(rows: readonly (readonly string[])[]): string[] {
  const numbers = (rows[0]?.length ?? 1) - 1;
  const widths = Array.from({ length: numbers }, (_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => row.map((cell, i) => (i < numbers ? cell.padStart(widths[i]!) : cell)).join("  "));
}
