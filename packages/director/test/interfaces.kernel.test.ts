// An interface that goes while a director runs, and comes back as another one of that name: the director goes on, says
// so, and has its program there again; connections are those of before.

import { execFileSync } from "node:child_process";
import { assertNothingOpen, findLink } from "@yardmaster/linux";
import { ethernet, frame, ipv4, udp } from "@yardmaster/packet";
import { afterEach, expect, test } from "vitest";
import { Director } from "../src/director.ts";
import { createDirectorNetwork } from "./director-network.ts";
import { describeKernel } from "./kernel-test.ts";
import { configuration, service, VIP } from "./sample.ts";

const dns = service({ port: 53, protocol: "udp", forwarding: "nat", servers: [{ address: "10.0.0.11" }] });

describeKernel("an interface that is gone", () => {
  afterEach(assertNothingOpen);

  test.each(["xdp-generic", "tc"] as const)("and back gets its program again: %s", (hook) => {
    using network = createDirectorNetwork();
    const ip = (words: string) => execFileSync("ip", ["-n", network.name, ...words.split(" ")]);
    const lines: string[] = [];
    const wanted = configuration([dns], { interfaces: ["front", "back"], hook });
    const options = { configuration: wanted, fileName: "y.yaml", version: "0" };
    using director = network.enter(() => new Director({ ...options, report: (line) => void lines.push(line) }));
    const send = () =>
      network.enter(() => {
        const link = findLink("front");
        const packet = frame(
          ethernet({ source: "02:00:00:00:00:fe", destination: link?.mac ?? "" }),
          ipv4({ source: "198.51.100.2", destination: VIP }),
          udp({ sourcePort: 4000, destinationPort: 53 }),
          "question",
        );
        director.dataplane.program.run({ packet, ingressIfindex: link?.index ?? 0 });
      });
    const look = () => network.enter(() => director.attendInterfaces());
    const counted = () => director.status().services[0]?.packetsIn;
    const names = () => director.status().hooks.map(({ interfaceName }) => interfaceName);
    send();
    look();
    lines.length = 0;
    ip("link del front");
    look();
    look();
    expect(lines).toEqual([expect.stringMatching(/^front: the interface is gone/)]);
    expect([names(), network.interfacesWithPrograms()]).toEqual([["back"], ["back"]]);

    // Its address is another one: the program has to know.
    ip("link add front address 02:00:00:00:77:01 type veth peer name front-peer");
    for (const words of ["link set front up", "link set front-peer up", "address add 198.51.100.1/24 dev front"])
      ip(words);
    look();
    expect(lines.at(-1)).toBe("front: the interface is back, and the program on it");
    expect([names(), network.interfacesWithPrograms()]).toEqual([
      ["front", "back"],
      ["back", "front"],
    ]);
    send();
    expect([counted(), director.connections(10).length]).toEqual([2, 1]);
    const said = lines.length;
    look();
    expect(lines).toHaveLength(said);
  });
});
