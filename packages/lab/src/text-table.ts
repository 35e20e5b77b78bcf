// Text tables of the lab's reports: columns as wide as their widest cell.

/** Lays rows out, the headings first; the columns in `words` stand to the left, all others to the right. */
export function textTable(rows: readonly (readonly string[])[], words: ReadonlySet<number>): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    words.has(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join("  ").trimEnd());
}
