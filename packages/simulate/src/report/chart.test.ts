// The chart: well-formed, with a panel for each scheduler, a line for each server, and everything said in words too.
import { expect, test } from "vitest";
import { prepareSimulation } from "../simulation.ts";
import { chart } from "./chart.ts";
import { simulate, type SimulationReport } from "./report.ts";

const report = simulate(
  prepareSimulation({
    scheduler: "rr, wlc",
    servers: "2x, weight=2",
    rate: "20/s",
    duration: "5s",
    connections: "1s",
    cache: "10",
  }),
);

/** Names of elements, in order, after checking that each is closed where it should be. */
function elementsOf(svg: string): readonly string[] {
  const open: string[] = [];
  const names: string[] = [];
  for (const [, close, name = "", attributes = "", empty] of svg.matchAll(
    /<(\/?)([a-z]+)((?: [\w:-]+="[^"<>]*")*)(\/?)>/g,
  )) {
    if (close !== "") expect(open.pop()).toBe(name);
    else {
      names.push(name);
      expect(attributes).not.toMatch(/NaN|undefined|Infinity/);
      if (empty === "") open.push(name);
    }
  }
  expect(open).toEqual([]);
  expect(svg.replaceAll(/<\/?[a-z]+(?: [\w:-]+="[^"<>]*")*\/?>/g, "")).not.toMatch(/[<>]/);
  return names;
}

test("is one well-formed element of SVG", () => {
  const names = elementsOf(chart(report));
  expect(names[0]).toBe("svg");
  expect(names).toEqual(expect.arrayContaining(["title", "style", "rect", "path", "text"]));
});

test("has a title, a line and a bar for each server in each panel, axes with units", () => {
  const svg = chart(report);
  for (const word of ["rr", "wlc", "s1: weight 1", "s3: weight 2", "active connections per unit of weight", "5 s"]) {
    expect(svg).toContain(`>${word}<`);
  }
  expect(svg).toMatch(/hit rate \d+\.\d %/);
  for (const server of [0, 1, 2]) {
    expect(svg.split(`class="line l${server}"`)).toHaveLength(1 + 1 + 2);
    expect(svg.split(`class="b${server}"`)).toHaveLength(1 + 2);
  }
});

test("follows the reader's light or dark scheme", () => {
  expect(chart(report)).toMatch(/\.page\{fill:#ffffff\}.*@media \(prefers-color-scheme:dark\)\{\.page\{fill:#14191e\}/);
});

test("many like servers are one series, and text of the file cannot break out", () => {
  const servers = Array.from({ length: 20 }, (_, index) => ({
    name: `s${index + 1}`,
    weight: 1 + Number(index > 15),
    speed: 1,
    workers: null,
    upper: 0,
    lower: 0,
  }));
  const [first] = report.results;
  if (first === undefined) throw new Error("no result");
  const each = <Item>(items: readonly Item[]): Item[] => servers.map((_, index) => items[index % items.length] as Item);
  const result = {
    ...first,
    servers: each(first.servers),
    samples: { ...first.samples, servers: each(first.samples.servers) },
  };
  const settings = { ...report.settings, capture: '<evil "a&b">' };
  const many: SimulationReport = { ...report, servers, settings, results: [result] };
  const svg = chart(many);
  elementsOf(svg);
  expect(svg).toContain(">16 × weight 1<");
  expect(svg).toContain(">4 × weight 2<");
  expect(svg).toContain("&lt;evil &quot;a&amp;b&quot;&gt;");
});

test("nothing at all came: the chart is drawn all the same", () => {
  const none = prepareSimulation({
    scheduler: "rr",
    servers: "2x weight=0",
    rate: "1/h",
    duration: "1s",
    warmUp: "1ms",
  });
  elementsOf(chart(simulate(none)));
});
