// This machine's network as the checks see it; nothing is changed, and loopback is there on every machine.
import { expect, it } from "vitest";
import { createLinuxNetwork } from "./linux-network.ts";

it("knows interfaces and tells an address of this machine", () => {
  const network = createLinuxNetwork();
  expect(network.interfaces()).toContainEqual(expect.objectContaining({ name: "lo", index: 1 }));
  expect(network.routeTo("127.0.0.1")).toEqual({ type: "local", interfaceName: "lo", gateway: undefined });
});
