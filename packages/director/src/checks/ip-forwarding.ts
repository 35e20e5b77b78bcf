// Every method asks the kernel for the way on, and bpf_fib_lookup answers only where packets come in on an interface
// that forwards (net/core/filter.c, bpf_ipv4_fib_lookup).
import type { FamilyName } from "@yardmaster/dataplane";
import type { Check } from "./check.ts";
import type { Network } from "./network.ts";

const names: Readonly<Record<FamilyName, string>> = { ipv4: "IPv4", ipv6: "IPv6" };
/** What turns it on everywhere. */
const commands: Readonly<Record<FamilyName, string>> = {
  ipv4: "sysctl -w net.ipv4.ip_forward=1",
  ipv6: "sysctl -w net.ipv6.conf.all.forwarding=1",
};

/** Finds interfaces that packets come in on and that do not forward the service's family. */
export const ipForwarding: Check = ({ family, interfaces }, network) => {
  const used = interfaces ?? usualInterfaces(network);
  const off = used.flatMap((name) => {
    const setting = `net.${family}.conf.${name.replaceAll(".", "/")}.forwarding`;
    const value = network.setting(setting);
    return value === undefined || value === "0" ? [{ name, setting, value: value ?? "no such setting" }] : [];
  });
  // An interface that does not exist is another fault.
  const known = off.filter(({ name }) => network.interfaces().some((link) => link.name === name));
  if (known.length === 0) return [];
  return [
    {
      severity: "error",
      code: "YM_CONFIG_FORWARDING",
      message: `${names[family]} forwarding is off on ${known.map(({ name }) => name).join(", ")}`,
      evidence: known.map(({ setting, value }) => `sysctl ${setting}: ${value}`).join(", "),
      hint: `a director forwards packets: ${commands[family]}`,
    },
  ];
};

/** Those that the director takes by itself (kernel/interfaces.ts). */
function usualInterfaces(network: Network): readonly string[] {
  const addressed = new Set(
    network.addresses().flatMap(({ address, interfaceName }) => (address.includes(":") ? [] : [interfaceName])),
  );
  return network
    .interfaces()
    .filter(({ name, isUp }) => isUp && name !== "lo" && addressed.has(name))
    .map(({ name }) => name);
}
