// The text that Prometheus and others scrape, in both of its forms: OpenMetrics 1.0 for who asks for it (Prometheus
// since
// 2.5), and the older text format 0.0.4 (prometheus.io, "Exposition formats") for everybody else. Pure: families of
// samples in, pieces of text out, as they are wanted.

/** What a family measures. */
export type MetricKind = "counter" | "gauge" | "info" | "histogram";

/** Names and values. */
export type Labels = Readonly<Record<string, string>>;

/** One number with its labels. */
export interface Sample {
  /** Text: as `labelsText` makes it. */
  readonly labels: Labels | string;
  readonly value: number | bigint;
  /** Of a histogram's parts: `_bucket`, `_count`, `_sum`. */
  readonly ending?: string;
}

/** Samples of one meaning. */
export interface MetricFamily {
  /** Without the ending that its kind asks for; the unit comes last, as in `_bytes`. */
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly samples: Iterable<Sample>;
}

/** The forms, by what HTTP calls them. */
export const expositionTypes = {
  openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  text: "text/plain; version=0.0.4; charset=utf-8",
} as const;

/** One of these. */
export type ExpositionForm = keyof typeof expositionTypes;

const ENDING: Readonly<Record<MetricKind, string>> = { counter: "_total", gauge: "", info: "_info", histogram: "" };

/** The form for an Accept header: OpenMetrics where it is named. */
export function formFor(accept: string | undefined): ExpositionForm {
  return accept?.includes("application/openmetrics-text") === true ? "openMetrics" : "text";
}

/** The text in pieces, with OpenMetrics' end mark. */
export function* expositionParts(families: Iterable<MetricFamily>, form: ExpositionForm): Generator<string, void> {
  for (const family of families) yield* familyParts(family, form);
  if (form === "openMetrics") yield "# EOF\n";
}

/** Families without samples are left out. */
function* familyParts({ name, kind, help, samples }: MetricFamily, form: ExpositionForm): Generator<string, void> {
  const full = `${name}${ENDING[kind]}`;
  let isFirst = true;
  for (const { labels, value, ending = "" } of samples) {
    if (isFirst) yield headText({ name, full, kind, help }, form);
    isFirst = false;
    yield `${full}${ending}${typeof labels === "string" ? labels : labelsText(labels)} ${value}\n`;
  }
}

/** The older form has no kind of its own for facts, and a counter's name with its ending. */
function headText(
  { name, full, kind, help }: Readonly<Record<"name" | "full" | "kind" | "help", string>>,
  form: ExpositionForm,
): string {
  if (form === "openMetrics") return `# TYPE ${name} ${kind}\n# HELP ${name} ${escaped(help)}\n`;
  const text = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return `# HELP ${full} ${text}\n# TYPE ${full} ${kind === "info" ? "gauge" : kind}\n`;
}

/** `{service="web"}`; nothing without labels. */
export function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
