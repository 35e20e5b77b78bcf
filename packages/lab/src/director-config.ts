// The configuration file that the lab's director is started with: the layout's services, written as people
// write them (YAML).
import type { LabLayout, LabScenario, LabService } from "./layout.ts";

/** Lines of the director's section that only one scenario wants. */
const settings: Readonly<Record<LabScenario, readonly string[]>> = {
  path: [],
  tools: [],
  shares: [],
  // LVS remembers closed connections for two minutes: dr sees only the client's FIN, nat both. The lab waits for that.
  mixed: ["  timeouts: { tcpFin: 1s, timeWait: 1s }"],
};

/** The text of the layout's configuration file. */
export function directorConfig(layout: LabLayout): string {
  return [
    "# Written by yardmaster lab.",
    "director:",
    `  interfaces: [${layout.directorInterfaces.join(", ")}]`,
    `  hook: ${layout.hook}`,
    ...settings[layout.scenario],
    ...(layout.localAddresses === undefined
      ? []
      : [`  localAddresses: [${layout.localAddresses.map(quoted).join(", ")}]`]),
    "services:",
    ...layout.services.flatMap((service) => serviceLines(layout, service)),
    "",
  ].join("\n");
}

function serviceLines(layout: LabLayout, service: LabService): readonly string[] {
  return [
    `  ${service.name}:`,
    `    address: ${service.address}`,
    `    port: ${service.port}`,
    `    protocol: ${service.protocol}`,
    `    scheduler: ${service.scheduler}`,
    `    forwarding: ${layout.method}`,
    ...(layout.encapsulation === undefined ? [] : [`    encapsulation: ${layout.encapsulation}`]),
    "    servers:",
    ...service.destinations.map(
      ({ address, port, weight }) =>
        `      - { address: ${address},${port === service.port ? "" : ` port: ${port},`} weight: ${weight} }`,
    ),
  ];
}

/** In a list in brackets a colon may not end a word. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
