// Judges a measurement: what a load balancer must do with this traffic, one expectation each, and the numbers.
// Pure; a run passes when all are met.
import { causesText } from "./cause-of.ts";
import type { Expectation, MethodMeasurement, ServiceResult } from "./lab-report.ts";
import { judgeMixed } from "./mixed/judge-mixed.ts";
import { judgeTools } from "./tools/judge-tools.ts";
import type { TracedLayout } from "./trace/judge-trace.ts";
import { judgeTrace } from "./trace/judge-trace.ts";

/** Connections by which a share may be off: some are chosen at the same moment on different processors. */
const shareSlack = 3;
/** Frames that are no replies (ARP), as a share of the replies. */
const strayFrames = 0.05;
/** With this many clients or more, source hashing must have used more than one server. */
const clientsThatSpread = 8;

/** Everything that must hold of one method's run. */
export function judge(layout: TracedLayout, measured: MethodMeasurement): readonly Expectation[] {
  return [
    ...measured.services.flatMap((result) => judgeService(layout, measured, result)),
    ...(measured.mixed === undefined ? [] : judgeMixed(measured.mixed)),
    ...(measured.tools === undefined ? [] : judgeTools(layout, measured.tools)),
    ...(isTraced(measured) ? judgeTrace(layout, measured.trace) : []),
    // A single connection's frames do not outnumber those of ARP; its way is judged hop by hop.
    ...(measured.scenario === "shares" || measured.scenario === "mixed" ? [judgeWay(measured)] : []),
    judgeHooks(measured),
    ...(measured.directorEnd === undefined ? [] : [judgeEnd(measured.directorEnd)]),
  ];
}

function isTraced({ scenario }: MethodMeasurement): boolean {
  return scenario === "path" || scenario === "shares";
}

/** How many connections each server should have got, by the weights; in the order of the destinations. */
export function expectedConnections({ service, traffic }: ServiceResult): readonly number[] {
  const total = service.destinations.reduce((sum, { weight }) => sum + weight, 0);
  return service.destinations.map(({ weight }) => (traffic.connections * weight) / total);
}

function judgeService(
  layout: TracedLayout,
  measured: MethodMeasurement,
  result: ServiceResult,
): readonly Expectation[] {
  const { service, traffic, requests } = result;
  const failures = causesText(traffic.failures);
  const observed = measured.status.services.find(({ name }) => name === service.name);
  const counted = observed?.connections ?? 0;
  const active = observed?.activeConnections ?? 0;
  // The one that is followed hop by hop comes after the traffic.
  const made = traffic.connections + (measured.trace?.service === service.name ? 1 : 0);
  return [
    {
      what: `${service.name}: every request is answered`,
      met: requests > 0 && traffic.answered === requests && failures === "",
      detail: `${traffic.answered} of ${requests}${failures}`,
    },
    judgeShares(result),
    {
      what: `${service.name}: a connection stays with its server`,
      met: traffic.connectionsThatMoved === 0,
      detail: `${traffic.connectionsThatMoved} of ${traffic.connections} moved`,
    },
    judgeAddresses(layout, result),
    {
      what: `${service.name}: the director counts each connection once`,
      met: counted === made,
      detail: `${counted} counted, ${made} made`,
    },
    ...(service.protocol === "udp"
      ? []
      : [
          {
            what: `${service.name}: closed connections are not active`,
            met: active === 0,
            detail: `${active} active after the traffic`,
          },
        ]),
  ];
}

function judgeAddresses({ serversSee, localAddresses = [] }: TracedLayout, result: ServiceResult): Expectation {
  const { service, traffic } = result;
  const others = traffic.foreignAddressesSeen.join(", ");
  const detail = `${traffic.ownAddressSeen} of ${traffic.answered}${others === "" ? "" : `; others saw ${others}`}`;
  if (serversSee[service.protocol] === "client") {
    const met = traffic.ownAddressSeen === traffic.answered;
    return { what: `${service.name}: servers see the client's own address`, met, detail };
  }
  const isLocal = (endpoint: string): boolean => localAddresses.includes(endpoint.slice(0, endpoint.lastIndexOf(":")));
  const met = traffic.ownAddressSeen === 0 && traffic.foreignAddressesSeen.every(isLocal);
  return { what: `${service.name}: servers see the director's local addresses`, met, detail };
}

function judgeShares(result: ServiceResult): Expectation {
  const { service, traffic } = result;
  const actual = service.destinations.map(({ host }) => traffic.connectionsByServer[host] ?? 0);
  if (service.scheduler === "sh") {
    const clients = Object.values(traffic.serversByClient);
    const faithful = clients.filter((servers) => servers.length === 1).length;
    const used = actual.filter((count) => count > 0).length;
    return {
      what: `${service.name}: sh keeps each client address at one server, and uses several servers`,
      met: faithful === clients.length && (used > 1 || clients.length < clientsThatSpread),
      detail: `${faithful} of ${clients.length} addresses at one server; ${used} servers used`,
    };
  }
  const expected = expectedConnections(result);
  const weights = service.destinations.map(({ weight }) => weight).join(":");
  return {
    what: `${service.name}: ${service.scheduler} shares connections ${weights}`,
    met: actual.every((count, index) => Math.abs(count - (expected[index] ?? 0)) <= shareSlack),
    detail: `${actual.join(":")} of ${traffic.connections} connections`,
  };
}

function judgeWay({ frames, repliesPassDirector }: MethodMeasurement): Expectation {
  const share = frames.replies === 0 ? 0 : frames.repliesThroughDirector / frames.replies;
  const met = repliesPassDirector ? share >= 1 - strayFrames : share <= strayFrames;
  return {
    what: repliesPassDirector ? "replies pass the director" : "replies go past the director, straight to the clients",
    met: met && frames.replies > 0,
    detail: `${frames.repliesThroughDirector} of ${frames.replies} reply frames through the director`,
  };
}

function judgeHooks({ status, directorInterfaces }: MethodMeasurement): Expectation {
  const attached = status.hooks.map((hook) => `${hook.interfaceName} (${hook.mode})`).join(", ");
  return {
    what: `the director works on ${directorInterfaces.join(" and ")}`,
    met: directorInterfaces.every((name) => status.hooks.some((hook) => hook.interfaceName === name)),
    detail: attached === "" ? "attached nowhere" : attached,
  };
}

function judgeEnd(end: NonNullable<MethodMeasurement["directorEnd"]>): Expectation {
  const left = end.interfacesWithXdp;
  return {
    what: "the director ends on SIGTERM and leaves nothing attached",
    met: end.how === "exit status 0" && left.length === 0,
    detail: `${end.how}; ${left.length === 0 ? "no program attached" : `still attached: ${left.join(", ")}`}`,
  };
}
