// SVG as text: elements nest as function calls do, whatever is written into them is escaped.

/** Text that is SVG already. */
export interface Markup {
  readonly markup: string;
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element. Numbers are rounded to a tenth; attributes that are undefined are left out. */
export function element(name: string, attributes: Attributes, ...children: readonly (Markup | string)[]): Markup {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}="${typeof value === "number" ? round(value) : escape(value)}"`],
  );
  const inside = children.map((child) => (typeof child === "string" ? escape(child) : child.markup)).join("");
  const start = `<${name}${written.join("")}`;
  return { markup: inside === "" ? `${start}/>` : `${start}>${inside}</${name}>` };
}

/** Elements one after the other, each on its own line. */
export function lines(...children: readonly Markup[]): Markup {
  return { markup: `\n${children.map(({ markup }) => markup).join("\n")}\n` };
}

/** The numbers of a path through these points. */
export function pathThrough(points: readonly (readonly [x: number, y: number])[]): string {
  return points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${round(x)} ${round(y)}`).join("");
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
