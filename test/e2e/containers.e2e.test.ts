// A director in front of containers on a bridge of its own host, as docs/docker.md has it: at tc with all offloads on,
// as Docker leaves them, so that packets have partial checksums and hold many segments; at XDP with offloads off where
// packets are made. Bodies arrive whole both ways, and the containers see the client's own address.
import { execFileSync } from "node:child_process";
import { setOffloads, withNetworkNamespace } from "@yardmaster/linux";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { DirectorHost, vip } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";

const clientAddress = "198.51.100.2";
const containers = [
  { name: "container1", address: "172.17.0.2" },
  { name: "container2", address: "172.17.0.3" },
] as const;
/** Answers with its own address, the client's, and the length of the body, and with as many bytes as were sent. */
const program = `
  const { createServer } = require("node:http");
  createServer((request, response) => {
    let length = 0;
    request.on("data", (chunk) => (length += chunk.length));
    request.on("end", () => {
      const head = [request.socket.localAddress, request.socket.remoteAddress, length].join(" ");
      response.end(head + "\\n" + "x".repeat(length));
    });
  }).listen(8080, "0.0.0.0", () => console.log("listening"));
`;
/** Many segments, and within what a command may say here. */
const bodyLength = 900_000;

describe.skipIf(needsRoot)("containers on a bridge of the director's host", () => {
  let host: DirectorHost;

  /** On, as Linux has them: sums and segments are left to a card. */
  const setAllOffloads = (isOn: boolean): void => {
    const ends = [...containers.map(({ name }) => [name, "eth0"]), ["client", "eth0"], ["director", "front"]];
    for (const [where = "", name = ""] of ends) {
      const wanted = { tso: isOn, gso: isOn, txChecksum: isOn };
      withNetworkNamespace(host.namespace(where), () => setOffloads(name, wanted));
    }
  };

  beforeAll(async () => {
    host = new DirectorHost();
    host.ip("director", "link add docker0 type bridge");
    host.ip("director", "address add 172.17.0.1/16 dev docker0");
    host.ip("director", "link set docker0 up");
    for (const [at, { name, address }] of containers.entries()) {
      execFileSync("ip", ["netns", "add", host.namespace(name)]);
      host.ip("director", `link add veth${at} type veth peer name eth0 netns ${host.namespace(name)}`);
      host.ip("director", `link set veth${at} master docker0`);
      host.ip("director", `link set veth${at} up`);
      host.ip(name, `address add ${address}/16 dev eth0`);
      host.ip(name, "link set eth0 up");
      host.ip(name, "route add default via 172.17.0.1");
      const server = host.spawn(name, [process.execPath, "-e", program]);
      await new Promise((resolve) => server.stdout?.once("data", resolve));
    }
  });
  afterAll(() => host[Symbol.dispose]());

  test.each([
    ["tc", true],
    ["auto", true],
    ["xdp-generic", false],
  ] as const)(
    "hook %s, offloads on: %s: bodies arrive whole both ways, from the client's own address",
    async (hook, isOn) => {
      setAllOffloads(isOn);
      const servers = containers.map(({ address }) => `{ address: ${address}, port: 8080 }`).join(", ");
      const director = await host.start(`director: { interfaces: [front, docker0], hook: ${hook} }
services: { web: { address: ${vip}, port: 80, scheduler: rr, forwarding: nat, servers: [${servers}] } }
`);
      const body = "y".repeat(bodyLength);
      const file = host.write(body);
      const answered: string[] = [];
      for (let request = 0; request < 4; request++) {
        const curl = ["curl", "-s", "-m", "20", "--data-binary", `@${file}`, `http://${vip}/`];
        const { stdout, status } = await host.run("client", curl);
        expect(status).toBe(0);
        const [head = "", rest = ""] = stdout.split("\n");
        expect(rest.length).toBe(bodyLength);
        answered.push(head);
      }
      const expected = containers.map(({ address }) => `${address} ${clientAddress} ${bodyLength}`);
      expect([...new Set(answered)].sort()).toEqual(expected);
      expect((await director.stop("SIGTERM")).status).toBe(0);
    },
  );
});
