// A director with a faulty configuration: it says what is wrong and where, and attaches nothing.
import {
  buildNetwork,
  createLabFolder,
  defaultDirectorCommand,
  interfacesWithXdp,
  labFolder,
  type LabNetwork,
  layoutOf,
  readLog,
  startDirector,
  takeDown,
} from "@yardmaster/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { needsRoot } from "./lab-options.ts";

const service = (lines: string): string => `services:\n  web:\n    address: 198.51.100.10\n    port: 80\n${lines}`;
const nat = "    protocol: tcp\n    scheduler: rr\n    forwarding: nat\n";

const faulty = {
  "an unknown scheduler and a port that is none": service(
    "    protocol: tcp\n    scheduler: fastest\n    forwarding: nat\n    servers: [{ address: 10.0.0.11, port: 70000 }]\n",
  ),
  "direct routing with a port mapping": service(
    "    protocol: tcp\n    scheduler: rr\n    forwarding: dr\n    servers: [{ address: 10.0.0.11, port: 8080 }]\n",
  ),
  "an interface that this machine has not": `director:\n  interfaces: [eth9]\n${service(
    `${nat}    servers: [{ address: 10.0.0.11 }]\n`,
  )}`,
  "no YAML at all": "services: [\n",
};

describe.skipIf(needsRoot)("a director with a faulty configuration", () => {
  let name: string;
  let network: LabNetwork;

  beforeAll(async () => {
    name = createLabFolder();
    network = await buildNetwork(layoutOf({ method: "nat" }, 1), `${name}-nat`);
  });

  afterAll(() => takeDown(name));

  test.each(Object.entries(faulty))("%s: exit status 2, where it is, nothing attached", async (_, config) => {
    const director = startDirector(network, { command: defaultDirectorCommand, config, folder: labFolder(name) });
    expect(await director.process.ended).toBe("exit status 2");
    expect(readLog(director.process)).toMatch(/yardmaster-nat\.yaml:\d+:\d+/);
    expect(await interfacesWithXdp(network, "director")).toEqual([]);
  });
});
