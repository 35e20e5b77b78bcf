// Ping to a virtual address: the echo request becomes its own reply (RFC 792, RFC 4443 §4.2). So the address answers
// where no interface of the director holds it, too, and as fast as packets are forwarded.

import { be16, be32, checksum, type Reference, struct, variable, viewAs, when } from "@yardmaster/ebpf";
import { sendBack } from "../answer/answer.ts";
import { returnLinkLayer } from "../answer/link-layer.ts";
import type { FamilyName } from "../family.ts";
import { Icmp } from "../headers.ts";
import type { NetworkHeader } from "../network-header.ts";
import type { Frame } from "../parse.ts";
import type { SendingRoad } from "../sending.ts";

/** Type and code of requests and replies, as one number. */
const ECHO: Readonly<Record<FamilyName, { readonly request: number; readonly reply: number }>> = {
  ipv4: { request: 0x0800, reply: 0x0000 },
  ipv6: { request: 0x8000, reply: 0x8100 },
};
const Echo = struct("icmp_echo", { typeAndCode: be16, check: be16, identifierAndSequence: be32 });

/** Answers an echo request to the address of a service, and leaves. Others go on: the stack may answer them. */
export function answerEcho(
  { maps, shape, family }: SendingRoad,
  { packet, networkOffset }: Frame,
  network: NetworkHeader,
  icmp: Reference<typeof Icmp.fields>,
): void {
  const { request, reply } = ECHO[family.name];
  const echo = viewAs(icmp, Icmp, Echo);
  const isAnswered = echo.typeAndCode.eq(request).and(maps.settings.value.pingVip.ne(0));
  // IP options would have to be answered, too (RFC 1122 §3.2.2.6).
  when(isAnswered.and(network.hasOptions.not()), () => {
    const virtual = maps[family.name].virtualAddresses.lookup({ address: network.destination });
    virtual.then(() => {
      const sum = variable(checksum(echo.check).replace(echo.typeAndCode, be16(reply)).fold());
      // As good as 0, and right for a message that is all zero.
      when(sum.get().eq(0), () => sum.set(be16(0xffff)));
      echo.check = sum.get();
      echo.typeAndCode = be16(reply);
      network.turnBack();
      returnLinkLayer(packet, networkOffset, 0);
      sendBack(packet, shape);
    });
  });
}
