// Text tables: columns as wide as their widest cell, numbers to the right.

/** A column: its heading, and on which side its cells stand. */
export interface Column {
  readonly heading: string;
  readonly align: "left" | "right";
}

/** Lays rows out under their headings; lines carry no trailing spaces. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  return new GrowingTable(columns).add(rows);
}

/** A table of which not all rows are known yet: columns stay as wide as they have become. */
export class GrowingTable {
  readonly #columns: readonly Column[];
  #widths: readonly number[] | undefined;

  constructor(columns: readonly Column[]) {
    this.#columns = columns;
  }

  /** The lines of more rows; before the first, of the headings. */
  add(rows: readonly (readonly string[])[]): string {
    const before = this.#widths;
    const lines = before === undefined ? [this.#columns.map(({ heading }) => heading), ...rows] : rows;
    const widths = this.#columns.map((_, index) =>
      lines.reduce((most, line) => Math.max(most, (line[index] ?? "").length), before?.[index] ?? 0),
    );
    this.#widths = widths;
    return lines.map((line) => formatLine(line, this.#columns, widths)).join("\n");
  }
}

function formatLine(line: readonly string[], columns: readonly Column[], widths: readonly number[]): string {
  const cells = columns.map((column, index) => {
    const width = widths[index] ?? 0;
    const cell = line[index] ?? "";
    return column.align === "right" ? cell.padStart(width) : cell.padEnd(width);
  });
  return cells.join("  ").trimEnd();
}

/** 1234567 as "1,234,567"; "-" for what is not counted. */
export function formatCount(count: number | undefined): string {
  return count === undefined ? "-" : count.toLocaleString("en-US");
}

/** Milliseconds as people read them: "850ms", "42s", "3m 12s", "5h 2m", "3d 4h". */
export function formatElapsed(elapsedMs: number): string {
  const seconds = Math.floor(elapsedMs / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${days}d ${hours % 24}h`;
  if (hours > 0) return `${hours}h ${minutes % 60}m`;
  if (minutes > 0) return `${minutes}m ${seconds % 60}s`;
  return seconds > 0 ? `${seconds}s` : `${Math.max(0, Math.round(elapsedMs))}ms`;
}
