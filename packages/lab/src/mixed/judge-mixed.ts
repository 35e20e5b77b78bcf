// Judges the mixed scenario: what the least-connection schedulers promise, and that all counts agree. Pure.
import { causesText } from "../cause-of.ts";
import type { Expectation } from "../lab-report.ts";
import { total, weightsOf } from "./measure.ts";
import type { MixedMeasurement, MixedResult, ServerCounts } from "./mixed-report.ts";
import type { EndReport } from "./mixer.ts";
import { firstBroken } from "./promise.ts";

/** Everything that must hold. */
export function judgeMixed({ services, end }: MixedMeasurement): readonly Expectation[] {
  return [...services.flatMap(judgeService), judgeEnd(services, end)];
}

function judgeService(result: MixedResult): readonly Expectation[] {
  const { service, wanted, traffic, promised, standing, scheduled, ended } = result;
  const { name, scheduler } = service;
  const { short, failures } = traffic;
  const long = traffic.longServers.length;
  const weights = weightsOf(service).join(":");
  const active = standing.map((counts) => counts.active);
  const open = standing.map((counts) => counts.open);
  return [
    {
      what: `${name}: every connection is answered, long and short`,
      met: long === wanted.long && short === wanted.short,
      detail: `${long} of ${wanted.long} long, ${short} of ${wanted.short} short${causesText(failures)}`,
    },
    judgeOrder(result),
    {
      what: `${name}: ${scheduler} has ${promised.join(":")} of the long ones at weights ${weights}`,
      met: isSame(active, promised),
      detail: `${active.join(":")} active`,
    },
    {
      what: `${name}: the director's active connections are those that the servers have open`,
      met: isSame(active, open),
      detail: `${active.join(":")} active in status, ${open.join(":")} open at the servers`,
    },
    {
      what: `${name}: the director counts each connection once`,
      met: scheduled === long + short,
      detail: `${scheduled} counted, ${long + short} made`,
    },
    {
      what: `${name}: in the end all counts are zero`,
      met: ended.every(({ active: a, inactive, open: o }) => a === 0 && inactive === 0 && o === 0),
      detail: endedText(ended),
    },
  ];
}

function judgeOrder({ service, traffic }: MixedResult): Expectation {
  const { scheduler, destinations } = service;
  const hosts = destinations.map(({ host }) => host);
  const choices = traffic.longServers.map((server) => hosts.indexOf(server));
  const broken = firstBroken(scheduler, weightsOf(service), choices);
  const allowed = broken?.allowed.map((index) => hosts[index]).join(" or ");
  return {
    what: `${service.name}: each long connection goes where ${scheduler} says, whatever the short ones did`,
    met: broken === undefined && choices.length > 0,
    detail:
      broken === undefined
        ? `${choices.length} as it says`
        : `number ${broken.at + 1} went to ${traffic.longServers[broken.at]}, ${scheduler} says ${allowed}`,
  };
}

function judgeEnd(services: readonly MixedResult[], { long, stayed, failures }: EndReport): Expectation {
  const made = services.reduce((sum, { traffic }) => sum + traffic.longServers.length, 0);
  return {
    what: "a long connection stays with its server, and closes from both ends",
    met: made > 0 && long === made && stayed === made,
    detail: `${stayed} of ${made}${causesText(failures)}`,
  };
}

/** What was left, in words: `3 active, 0 inactive, 3 open at the servers`. */
export function endedText(ended: readonly ServerCounts[]): string {
  const [active, inactive, open] = [total(ended, "active"), total(ended, "inactive"), total(ended, "open")];
  return `${active} active, ${inactive} inactive, ${open} open at the servers`;
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((count, index) => count === b[index]);
}
