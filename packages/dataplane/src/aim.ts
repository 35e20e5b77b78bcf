// What a connection takes over from its destination: where its packets go and how.

import { type Reference, u8, when } from "@yardmaster/ebpf";
import { copyAddress } from "./address.ts";
import { methods } from "./forward/registry.ts";
import type { ConnectionReference, FlowReference } from "./life.ts";
import { type Destination, destinationFlags } from "./schema.ts";
import type { BalancerShape } from "./shape.ts";
import { transitionTables } from "./tcp-states.ts";

/** Makes `destination` the one that `connection`, opened by `flow`, leads to. */
export function aim(
  shape: BalancerShape,
  connection: ConnectionReference,
  flow: FlowReference,
  destination: Reference<typeof Destination.fields>,
): void {
  copyAddress(connection.address, destination.address);
  connection.port = destination.port;
  // A destination without a port of its own gets packets for the port that the client wrote to.
  when(destination.port.eq(0), () => (connection.port = flow.destinationPort));
  connection.method = destination.method;
  connection.table = u8(transitionTables.request);
  connection.hasReplyEntry = u8(0);
  const hasRule = destination.flags.and(destinationFlags.hasReplyRule);
  for (const name of shape.methods) {
    const method = methods[name];
    when(destination.method.eq(method.code), () => {
      connection.table = u8(transitionTables[method.requestTable]);
      if (method.hasReplies) connection.hasReplyEntry = hasRule.xor(destinationFlags.hasReplyRule).toU8();
    });
  }
}
