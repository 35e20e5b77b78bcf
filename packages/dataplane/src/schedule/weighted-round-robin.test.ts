// wrr where its position and its weights do not belong together: between the control plane's writes.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { expect, test } from "vitest";
import { Balancer } from "../../test/harness.ts";
import { arriving, clientAddress, tcpFrame, vip } from "../../test/packets/scenario.ts";

test("a level from before the weights fell does not refuse connections", () => {
  const destinations = [
    { address: "10.0.0.11", weight: 60_000 },
    { address: "10.0.0.12", weight: 59_999 },
  ];
  const service = { address: vip, port: 80, scheduler: "wrr", destinations } as const;
  using balancer = new Balancer(createMemoryHost(), { services: [service], clients: [clientAddress] });
  balancer.setWeights(0, [1, 2], { position: "keep" });
  for (let port = 1; port <= 6; port++) balancer.send(tcpFrame(arriving, {}, { sourcePort: port }));
  expect(balancer.verdicts()).toEqual({});
  expect(balancer.loads().map(({ scheduled }) => scheduled)).toEqual([2, 4]);
});

test("without any weight connections are refused with the reason, and counted", () => {
  const destinations = [
    { address: "10.0.0.11", weight: 0 },
    { address: "10.0.0.12", weight: 0 },
  ];
  const service = { address: vip, port: 80, scheduler: "wrr", destinations } as const;
  using balancer = new Balancer(createMemoryHost(), { services: [service], clients: [clientAddress] });
  expect(balancer.send(tcpFrame(arriving)).verdict).toBe("pass");
  expect(balancer.verdicts()).toEqual({ noDestination: 1 });
});
