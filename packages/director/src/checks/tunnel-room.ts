// A tunnel adds a header to every packet: the way to the server must carry what clients send, and that.
import { familyOf } from "../address.ts";
import { encapsulationOverhead, encapsulationText } from "../model/encapsulation.ts";
import type { Check, Finding, Subject } from "./check.ts";
import { type NetworkRoute, routeEvidence } from "./network.ts";

/** The largest packet that every link carries: RFC 8200 §5; RFC 791 asks for 576 of hosts. */
const smallest = { ipv4: 576, ipv6: 1280 } as const;
/** What clients on Ethernet send. */
const USUAL_MTU = 1500;
/**
 * Finds too little room, and large packets that nothing here keeps from being sent: what a server says of segments in
 * its SYN-ACK does not come by the director.
 */
export const tunnelRoom: Check = (subject, network) => {
  const { encapsulation, server } = subject;
  const route = network.routeTo(server);
  if (route?.type !== "unicast" || encapsulation === undefined) return [];
  const overhead = encapsulationOverhead(encapsulation, familyOf(server));
  const found = describe(subject, route, route.mtu - overhead);
  if (found === undefined) return [];
  const what = `${encapsulationText(encapsulation)} adds ${overhead} bytes to each packet`;
  return [{ ...found, evidence: `${routeEvidence(server, route)} mtu ${route.mtu}; ${what}` }];
};

type Found = Omit<Finding, "evidence">;

function describe({ server, family, protocols }: Subject, route: NetworkRoute, room: number) {
  const enough = `ip link set dev ${route.interfaceName} mtu ${route.mtu + USUAL_MTU - room}`;
  if (room < smallest[family]) {
    return {
      severity: "error",
      code: "YM_CONFIG_TUNNEL_ROOM",
      message: `tun server ${server} gets packets of ${room} bytes at most; there must be room for ${smallest[family]}`,
      hint: enough,
    } as const satisfies Found;
  }
  if (room >= USUAL_MTU || !protocols.includes("tcp")) return undefined;
  return {
    severity: "warning",
    code: "YM_CONFIG_TUNNEL_ROOM",
    message: `only packets of up to ${room} bytes fit the tunnel to ${server}: clients may not hear of it`,
    hint: `use realserver up there; or, if every device on the way takes it: ${enough}`,
  } as const satisfies Found;
}
