// What the command line may say, and what is said of what it may not.
import { formatPrefix } from "@yardmaster/packet";
import { expect, test } from "vitest";
import { type OptionTexts, readOptions } from "./options.ts";

const texts = (changes: Partial<OptionTexts>): OptionTexts => ({
  service: ["198.51.100.10:80"],
  method: "dr",
  director: [],
  ...changes,
});

test.each([
  ["198.51.100.10", { address: "198.51.100.10", family: 4, port: undefined, protocol: undefined }],
  ["198.51.100.10:80/tcp", { address: "198.51.100.10", family: 4, port: 80, protocol: "tcp" }],
  ["198.51.100.10/udp", { address: "198.51.100.10", family: 4, port: undefined, protocol: "udp" }],
  ["2001:DB8:0::10", { address: "2001:db8::10", family: 6, port: undefined, protocol: undefined }],
  ["2001:db8::10/tcp", { address: "2001:db8::10", family: 6, port: undefined, protocol: "tcp" }],
  ["[2001:db8::10]:53/udp", { address: "2001:db8::10", family: 6, port: 53, protocol: "udp" }],
])("the service %s", (text, service) => {
  expect(readOptions(texts({ service: [text] })).services).toEqual([service]);
});

test("directors are addresses and prefixes", () => {
  const { directors } = readOptions(texts({ director: ["10.0.0.5", "fd00::/64"] }));
  expect(directors.map(formatPrefix)).toEqual(["10.0.0.5/32", "fd00::/64"]);
});

test("all faults are told at once", () => {
  const wrong = {
    service: ["1.2.3", "198.51.100.10:0", "198.51.100.10:80/icmp", "[::1:80"],
    method: "ipvs",
    director: ["10.0.0.300"],
    guePort: "70000",
    mssClamp: "12",
  };
  const read = (): unknown => readOptions(wrong);
  for (const fault of [
    '--service 1.2.3: "1.2.3" is no IP address',
    "--service 198.51.100.10:0: port 0: a port is a number from 1 to 65535",
    "the protocol is tcp or udp, not icmp",
    "--method ipvs: it is one of dr, tun, fullnat, nat",
    "--director 10.0.0.300: write an address or a prefix",
    "--gue-port 70000",
    "--mss-clamp 12",
  ]) {
    expect(read).toThrow(fault);
  }
});

test.each([
  [{ method: "tun" }, "--director is missing"],
  [{ method: "fullnat", service: [] }, "--director is missing"],
  [{ service: [] }, "--service is missing"],
  [{ method: "tun", director: ["10.0.0.0/24"], unwrap: "kernel" }, "takes one address, not a prefix"],
])("what a method cannot do without is asked for: %o", (changes, fault) => {
  expect(() => readOptions(texts(changes))).toThrow(fault);
});
