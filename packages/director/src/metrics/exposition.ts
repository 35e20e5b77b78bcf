// The text that Prometheus and others scrape: OpenMetrics 1.0 (RFC-like text format of the OpenMetrics project), which
// Prometheus reads since 2.5. Pure: families of samples in, text out.

/** What a family measures; a counter's samples end in `_total`. */
export type MetricKind = "counter" | "gauge" | "info";

/** One number with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | bigint;
}

/** Samples of one meaning. */
export interface MetricFamily {
  /** Without the ending that its kind asks for; the unit comes last, as in `_bytes`. */
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** What the text is, for HTTP. */
export const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const ENDING: Readonly<Record<MetricKind, string>> = { counter: "_total", gauge: "", info: "_info" };

/** The whole text, with its end mark. */
export function openMetricsText(families: readonly MetricFamily[]): string {
  return `${families.map(familyText).join("")}# EOF\n`;
}

function familyText({ name, kind, help, samples }: MetricFamily): string {
  if (samples.length === 0) return "";
  const lines = samples.map(({ labels, value }) => `${name}${ENDING[kind]}${labelsText(labels)} ${value}`);
  return [`# TYPE ${name} ${kind}`, `# HELP ${name} ${escaped(help)}`, ...lines, ""].join("\n");
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
