// A benchmark's result as text for people.

import { type BenchmarkResult, median } from "./result.ts";
import type { DirectorTimes, Took } from "./director-times.ts";
import type { SetupTimes, StepTime } from "./setup-times.ts";

/** XDP's verdicts by number (include/uapi/linux/bpf.h). */
const VERDICTS = ["aborted", "drop", "pass", "tx", "redirect"];
const STEPS: readonly (readonly [keyof SetupTimes, string])[] = [
  ["compile", "build and compile, first time in the process"],
  ["compileAgain", "build and compile again"],
  ["load", "load: verify and JIT"],
  ["attach", "attach"],
  ["swap", "swap one program for another"],
];

/** All tables, one after another. */
export function reportText(result: BenchmarkResult): string {
  const { machine } = result;
  const about =
    `${machine.processor}, ${machine.processors} processors${machine.isVirtual ? " (virtual)" : ""}, ` +
    `Linux ${machine.kernel}, Node ${machine.node}, load ${machine.loadAverage.toFixed(1)}`;
  const parts = [casesText, schedulersText, heldText, reapingText, programsText, setupText, memoryText];
  const director = (all: BenchmarkResult) => directorText(all.director);
  return `${[about, ...[...parts, director].map((part) => part(result))].join("\n\n")}\n`;
}

function casesText({ cases, effort }: BenchmarkResult): string {
  const rows = cases.map(({ method, protocol, name, verdict, netNs, feederNs }) => [
    method,
    protocol,
    { established: `established, ${effort.flows} flows`, new: "new flow each packet", noService: "for no service" }[
      name
    ],
    VERDICTS[verdict] ?? String(verdict),
    String(median(netNs)),
    `${Math.min(...netNs)}–${Math.max(...netNs)}`,
    String(median(feederNs)),
  ]);
  const title = `Nanoseconds per packet without the feeder (${effort.repetitions} repetitions, interleaved)`;
  return table(title, ["method", "", "packet", "verdict", "median", "min–max", "feeder"], rows);
}

function schedulersText({ schedulers }: BenchmarkResult): string {
  const times = (name: string, servers: number) =>
    schedulers.filter((one) => one.scheduler === name && one.servers === servers).map(({ netNs }) => median(netNs))[0];
  const usual = times("rr", 16) ?? Number.NaN;
  const rows = schedulers.map(({ scheduler, servers, netNs }) => {
    const middle = median(netNs);
    return [scheduler, String(servers), String(middle), (middle / usual).toFixed(2)];
  });
  const title = "Nanoseconds for a new flow (dr, udp) by scheduler and number of servers";
  return table(title, ["scheduler", "servers", "median", "of rr over 16"], rows);
}

function heldText({ tableSize }: BenchmarkResult): string {
  const rows = tableSize.held.map(({ connections, netNs }) => [String(connections), String(median(netNs))]);
  const title = "Nanoseconds for an established packet (dr, udp) of one of so many connections, in turn, shuffled";
  return table(title, ["connections held", "median"], rows);
}

function reapingText({ tableSize: { reaping } }: BenchmarkResult): string {
  const { connections, ended, cpuMs, longestStepMs } = reaping;
  const each = `${((cpuMs * 1000) / connections).toFixed(2)} microseconds each`;
  const step = `longest time without a turn for the event loop ${longestStepMs.toFixed(1)} ms`;
  const all = `${cpuMs.toFixed(0)} ms of processor`;
  return `Ending ${connections} expired connections (${ended} ended): ${all}, ${each}; ${step}`;
}

function programsText({ programs }: BenchmarkResult): string {
  const rows = programs.map((program) => [
    program.method,
    String(program.instructions),
    String(program.jitedBytes),
    String(program.verifiedInstructions),
  ]);
  return table("Programs", ["method", "instructions after the verifier", "JITed bytes", "verified"], rows);
}

function setupText({ setup }: BenchmarkResult): string {
  const middle = (step: keyof SetupTimes, of: keyof StepTime) => median(setup.map((times) => times[step][of]));
  const rows = STEPS.map(([step, text]) => [text, ...milliseconds(middle(step, "wallMs"), middle(step, "cpuMs"))]);
  const total = (of: keyof StepTime) => median(setup.map(({ compile, load }) => compile[of] + load[of]));
  rows.push(["compile and load together", ...milliseconds(total("wallMs"), total("cpuMs"))]);
  const title = `Milliseconds, everything compiled in (median of ${setup.length} cold processes)`;
  return table(title, ["step", "by the wall", "processor"], rows);
}

function memoryText({ memory }: BenchmarkResult): string {
  const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  const each = `${memory.bytesPerEntry.toFixed(1)} bytes per connection and direction`;
  const whole = `${mebibytes(memory.bytesEmpty)} MiB when made, ${mebibytes(memory.bytesFull)} MiB when full`;
  return `Memory of a table of ${memory.entries} entries: ${each} (${whole})`;
}

/** What the running director takes. */
export function directorText({ effort, apply, applyAgain, weightChangeMs, ...rests }: DirectorTimes): string {
  const { services, serversEach, connections } = effort;
  const rows = (
    [
      ["two servers", rests.idle],
      [`and ${connections} connections`, rests.withConnections],
      ["the same, inactive", rests.withInactive],
      [`${services} services of ${serversEach} servers`, rests.large],
    ] as const
  ).map(([what, { residentBytes, cpuShare }]) => [what, (residentBytes / 1e6).toFixed(0), (100 * cpuShare).toFixed(2)]);
  const memory = table("A director at rest", ["with", "MB resident", "% of a processor"], rows);
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const took = ({ wallMs, cpuMs, mainThreadMs }: Took) =>
    `${seconds(wallMs)} (${seconds(cpuMs)} of processor, ${seconds(mainThreadMs)} of the main thread)`;
  const applied = `put to work in ${took(apply)}; the whole file again with one weight changed in ${took(applyAgain)}`;
  const sorted = weightChangeMs.toSorted((a, b) => a - b);
  const late = sorted.filter((ms) => ms > 20).length;
  const extremes = `${sorted.at(0)?.toFixed(1)}–${sorted.at(-1)?.toFixed(1)}; ${late} of ${sorted.length} above 20 ms`;
  const weight = `one weight changed there in ${median(sorted).toFixed(1)} ms (${extremes})`;
  return `${memory}\n${services} services of ${serversEach} servers: ${applied}; ${weight}`;
}

function milliseconds(...values: number[]): string[] {
  return values.map((value) => value.toFixed(value < 10 ? 2 : 0));
}

/** A title over aligned columns; those of numbers to the right. */
export function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const isNumber = (column: number) => rows.every((row) => /^[-\d.–]+$/.test(row[column] ?? ""));
  const lines = all.map((row) =>
    row
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  return [title, ...lines.map((line) => `  ${line}`)].join("\n");
}
