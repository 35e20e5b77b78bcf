// The chart: one panel for each scheduler, load over time on the left, shares of connections on the right. An SVG of
// its own that follows the reader's light or dark scheme.
import { marksUpTo, timeMarks } from "./axis.ts";
import type { SimulationReport } from "./report.ts";
import { type Series, seriesOf } from "./series.ts";
import { loadOf, type SchedulerResult } from "./summarise.ts";
import { element, lines, type Markup, pathThrough } from "./svg.ts";
import { describeWorkload, formatShare, formatTime } from "./words.ts";

const WIDTH = 860;
const PLOT = { left: 56, top: 44, width: 520, height: 128 } as const;
const BARS = { left: 632, width: 150, height: 9, step: 17 } as const;
const PANEL_HEIGHT = 200;
const HEAD_HEIGHT = 62;
const LEGEND_STEP = 18;
/** A panel whose load is so many times the middle panel's has a scale of its own; the others share one. */
const OUTLIER = 3;

/** Colours of series in light and dark, told apart with any kind of colour vision. */
const COLOURS = [
  ["#0b65c2", "#5aa9f5"],
  ["#c4500c", "#f08a4b"],
  ["#0a7d5a", "#3fc795"],
  ["#a3398f", "#e07fd0"],
  ["#8a6a00", "#d9b23c"],
  ["#4a5a6a", "#a9b7c6"],
] as const;

/** The chart as the text of an SVG file. */
export function chart(report: SimulationReport): string {
  const series = seriesOf(report.servers, COLOURS.length);
  const headHeight = HEAD_HEIGHT + Math.ceil((series.length + 2) / 3) * LEGEND_STEP;
  const height = headHeight + report.results.length * PANEL_HEIGHT;
  const scales = scalesOf(report);
  const title = "Load over time, by scheduler";
  const content = lines(
    element("title", {}, title),
    element("style", {}, { markup: style() }),
    element("rect", { class: "page", width: WIDTH, height }),
    element("text", { class: "strong", x: 16, y: 28, "font-size": 16 }, title),
    element("text", { class: "muted", x: 16, y: 48 }, describeWorkload(report.settings)),
    legend(series),
    ...report.results.map((result, index) =>
      element(
        "g",
        { transform: `translate(0 ${headHeight + index * PANEL_HEIGHT})` },
        panel(report, result, { series, most: scales[index] ?? 1 }),
      ),
    ),
  );
  const font = { "font-family": "system-ui, sans-serif", "font-size": 12 };
  const box = { width: WIDTH, height, viewBox: `0 0 ${WIDTH} ${height}`, role: "img" };
  return `${element("svg", { xmlns: "http://www.w3.org/2000/svg", ...box, ...font }, content).markup}\n`;
}

function style(): string {
  const scheme = (at: 0 | 1): string => {
    const [page, text, muted, grid] = [
      ["#ffffff", "#1b2229", "#59646f", "#dfe4e9"],
      ["#14191e", "#e6ebf0", "#9aa7b3", "#303942"],
    ][at] as readonly string[];
    return [
      `.page{fill:${page}}text{fill:${text}}.muted{fill:${muted}}.grid{stroke:${grid}}.mark{stroke:${text}}`,
      ...COLOURS.map((pair, index) => `.l${index}{stroke:${pair[at]}}.b${index}{fill:${pair[at]}}`),
    ].join("");
  };
  const fixed = ".line{fill:none;stroke-width:1.5;stroke-linejoin:round}.strong{font-weight:600}";
  return `${fixed}${scheme(0)}@media (prefers-color-scheme:dark){${scheme(1)}}`;
}

function legend(series: readonly Series[]): Markup {
  const entries = [
    ...series.map(({ label }, index) => ({
      label,
      sign: element("path", { class: `line l${index}`, "stroke-width": 3, d: "M0 -4h18" }),
    })),
    { label: "share that the weight stands for", sign: element("path", { class: "mark", d: "M9 -10v12" }) },
    {
      label: "end of the warm-up",
      sign: element("path", { class: "mark", "stroke-dasharray": "2 3", d: "M9 -10v12" }),
    },
  ];
  return lines(
    ...entries.map(({ label, sign }, index) => {
      const [x, y] = [16 + (index % 3) * 280, HEAD_HEIGHT + 8 + Math.floor(index / 3) * LEGEND_STEP];
      return element("g", { transform: `translate(${x} ${y})` }, sign, element("text", { x: 26 }, label));
    }),
  );
}

/** The top of each panel's scale. */
function scalesOf(report: SimulationReport): readonly number[] {
  const tops = report.results.map((result) => Math.max(...loads(report, result).flat(), 0));
  const middle = tops.toSorted((a, b) => a - b)[Math.floor(tops.length / 2)] ?? 0;
  const isUsual = (top: number): boolean => top <= OUTLIER * middle;
  const common = Math.max(...tops.filter(isUsual), 0);
  return tops.map((top) => (isUsual(top) ? common : top));
}

/** Load of each server at each sample, for a weight of 1 where weights differ. */
function loads({ servers, settings }: SimulationReport, { samples }: SchedulerResult): readonly (readonly number[])[] {
  const divide = isWeighted(servers);
  return samples.servers.map((server, index) => {
    const weight = divide ? Math.max(1, servers[index]?.weight ?? 1) : 1;
    return loadOf(settings.protocol === "udp" ? "udp" : "tcp", server).map((load) => load / weight);
  });
}

function isWeighted(servers: SimulationReport["servers"]): boolean {
  return new Set(servers.map(({ weight }) => weight)).size > 1;
}

interface PanelOptions {
  readonly series: readonly Series[];
  readonly most: number;
}

function panel(report: SimulationReport, result: SchedulerResult, { series, most }: PanelOptions): Markup {
  return lines(
    element("text", { x: 16, y: 16, "font-size": 14, class: "strong" }, result.scheduler),
    element("text", { x: 70, y: 16, class: "muted" }, summary(result)),
    plot(report, result, { series, most }),
    bars(result, { series, most: mostShare(report, series) }),
  );
}

function summary({ imbalance, took, hitRate, refused, connections }: SchedulerResult): string {
  return [
    `${connections.toLocaleString("en-US")} connections`,
    ...(refused === 0 ? [] : [`${refused.toLocaleString("en-US")} refused`]),
    ...(imbalance === null ? [] : [`imbalance ${imbalance.mean.toFixed(2)}`]),
    ...(took === null ? [] : [`took ${formatTime(took.meanMs)}, 99 % at most ${formatTime(took.p99Ms)}`]),
    ...(hitRate === null ? [] : [`hit rate ${formatShare(hitRate)}`]),
  ].join(" · ");
}

function plot(report: SimulationReport, result: SchedulerResult, { series, most }: PanelOptions): Markup {
  const marks = marksUpTo(most, 4);
  const highest = marks.at(-1) ?? 1;
  const x = (atMs: number): number => PLOT.left + (atMs / report.durationMs) * PLOT.width;
  const y = (load: number): number => PLOT.top + PLOT.height * (1 - load / highest);
  const values = loads(report, result);
  const thin = series.some(({ indexes }) => indexes.length > 1) ? { "stroke-opacity": 0.6, "stroke-width": 1 } : {};
  const what = report.settings.protocol === "udp" ? "flows under way" : "active connections";
  const each = isWeighted(report.servers) ? `${what} per unit of weight` : what;
  return lines(
    element("text", { class: "muted", x: 16, y: 34, "font-size": 11 }, each),
    ...marks.map((mark) => element("path", { class: "grid", d: `M${PLOT.left} ${y(mark).toFixed(1)}h${PLOT.width}` })),
    ...marks.map((mark) =>
      element("text", { class: "muted", x: PLOT.left - 6, y: y(mark) + 4, "text-anchor": "end" }, String(mark)),
    ),
    ...timeMarks(report.durationMs, 6).map(({ atMs, text }) =>
      element("text", { class: "muted", x: x(atMs), y: PLOT.top + PLOT.height + 16, "text-anchor": "middle" }, text),
    ),
    element("path", {
      class: "mark",
      "stroke-dasharray": "2 3",
      d: `M${x(report.warmUpMs).toFixed(1)} ${PLOT.top}v${PLOT.height}`,
    }),
    ...series.flatMap(({ indexes }, colour) =>
      indexes.map((server) => {
        const points = (values[server] ?? []).map((load, at) => [x(result.samples.atMs[at] ?? 0), y(load)] as const);
        return element("path", { class: `line l${colour}`, ...thin, d: pathThrough(points) });
      }),
    ),
  );
}

/** The part of all connections that each series was given, and the part that its weight stands for. */
function sharesOf({ servers }: SchedulerResult, series: readonly Series[]) {
  return series.map(({ indexes }) => ({
    share: indexes.reduce((sum, index) => sum + (servers[index]?.share ?? 0), 0),
    byWeight: indexes.reduce((sum, index) => sum + (servers[index]?.shareByWeight ?? 0), 0),
  }));
}

/** The longest bar of all panels. */
function mostShare({ results }: SimulationReport, series: readonly Series[]): number {
  const rows = results.flatMap((result) => sharesOf(result, series));
  return Math.max(...rows.flatMap(({ share, byWeight }) => [share, byWeight]), 0.01);
}

function bars(result: SchedulerResult, { series, most }: PanelOptions): Markup {
  const width = (share: number): number => (share / most) * BARS.width;
  return lines(
    element("text", { class: "muted", x: BARS.left, y: 34, "font-size": 11 }, "share of connections"),
    ...sharesOf(result, series).map(({ share, byWeight }, index) => {
      const y = 46 + index * BARS.step;
      return element(
        "g",
        { transform: `translate(${BARS.left} ${y})` },
        element("rect", { class: `b${index}`, width: width(share), height: BARS.height, rx: 1 }),
        element("path", { class: "mark", d: `M${width(byWeight).toFixed(1)} -2v${BARS.height + 4}` }),
        element(
          "text",
          { class: "muted", x: WIDTH - BARS.left - 16, y: BARS.height, "text-anchor": "end" },
          formatShare(share),
        ),
      );
    }),
  );
}
