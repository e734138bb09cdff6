/**
 * Reads the tables of a Markdown document that have exactly these columns: what is left out is told to people and to the
 * suites in one place. Backquotes are taken off. Throws when there is no such table, or when a row has other cells.
 */
export function readTables<Column extends string>(
  document: string,
  columns: readonly Column[],
): Record<Column, string>[] {
  const header = `|${columns.join("|")}|`;
  const lines = document.split("\n");
  const rows: Record<Column, string>[] = [];
  let tables = 0;
  for (let i = 0; i < lines.length; i++) {
    if (lines[i]!.replaceAll(" ", "") !== header) continue;
    tables++;
    for (i += 2; lines[i]?.startsWith("|") === true; i++) {
      const cells = lines[i]!.split("|").slice(1, -1);
      if (cells.length !== columns.length) throw new Error(`not ${columns.length} cells: ${lines[i]}`);
      const texts = cells.map((cell) => cell.trim().replaceAll("`", ""));
      rows.push(Object.fromEntries(columns.map((column, at) => [column, texts[at]!])) as (typeof rows)[0]);
    }
  }
  if (tables === 0) throw new Error(`no table with the columns ${columns.join(", ")}`);
  return rows;
}

/** Whether `name` is `pattern`, in which `*` stands for anything. */
export function matchesPattern(name: string, pattern: string): boolean {
  const parts = pattern.split("*").map((part) => RegExp.escape(part));
  return new RegExp(`^${parts.join(".*")}$`).test(name);
}
