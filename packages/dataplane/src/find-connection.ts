// The station that finds a packet's connection: one that is in the table, the one that a reply belongs to, or one that
// is opened now.

import { leave, pass, referenceVariable, when } from "@yardmaster/ebpf";
import { transitionBase } from "./connection.ts";
import { leaveAcross } from "./crossing/leave.ts";
import type { Family } from "./family.ts";
import { endsOf, openingFlow } from "./flows.ts";
import { methods } from "./forward/registry.ts";
import { IPPROTO_TCP, TCP_SYN } from "./headers.ts";
import { sendReply } from "./forward/send-reply.ts";
import { leaveIfHeld } from "./hold.ts";
import { type ConnectionReference, isExpired, REPLY } from "./life.ts";
import { findReplyByLocalPort } from "./local-port.ts";
import { failure, leaveUnless, RESET, SUPERSEDED } from "./outcome.ts";
import { leaveWithProbes } from "./probe/answer-probe.ts";
import { reasons } from "./reasons.ts";
import { findReplyByRule } from "./reply.ts";
import { needsRevisit } from "./revisit.ts";
import type { Road } from "./road.ts";
import { hasFeature } from "./shape.ts";
import { refuseStray } from "./stray.ts";
import type { Traveller } from "./sending.ts";
import { answeringClients, hasLocalAddress } from "./forward/traits.ts";
import type { ReplyEnds } from "./forward/ends.ts";

type ConnectionVariable = ReturnType<typeof referenceVariable<Family["Connection"]["fields"]>>;

/**
 * The client's connection, opened now if need be; there is none where the packet is refused. Replies and packets that
 * may open none leave here.
 */
export function findConnection(road: Road, traveller: Traveller): () => ConnectionReference {
  const { maps, shape, family } = road;
  const { flow, now } = traveller;
  const { connections } = maps[family.name];
  const answering = answeringClients(shape.methods);
  const connection = referenceVariable(family.Connection);
  connections.lookup(flow).then((found) => {
    if (answering.length > 0) {
      when(found.direction.eq(REPLY), () => {
        const ends = endsOf(flow, found);
        const lookup = connections.lookup(openingFlow(family, flow, ends));
        lookup.then((client) => sendReply(road, traveller, client, ends, answering));
        leaveIfHeld(road, flow, now);
        leave(pass(reasons.replyWithoutConnection));
      });
    }
    when(isExpired(found.life, now).not(), () => {
      connection.set(found);
      goOnIn(road, traveller, connection);
    });
  });
  when(
    connection.isNull(),
    () => {
      if (hasFeature(shape, "probes")) leaveWithProbes(road, traveller);
      if (hasLocalAddress(shape.methods)) {
        const found = (client: ConnectionReference, ends: ReplyEnds) =>
          sendReply(road, traveller, client, ends, ["fullnat"]);
        findReplyByLocalPort(maps, family, flow, found, crossing(road, traveller));
      }
      if (answering.length > 0) {
        findReplyByRule(maps, family, flow, (client, ends) => {
          sendReply(road, traveller, client, ends, answering);
        });
      }
      leaveIfHeld(road, flow, now);
      if (answering.length > 0) refuseStray(road, traveller);
      when(traveller.refusal.isSet.not(), () => {
        const opened = maps[family.name].opened.lookup(0).orDrop(reasons.internal);
        openIn(road, traveller, opened, () => {
          connection.set(opened);
          if (!hasFeature(shape, "toa") || !hasLocalAddress(shape.methods)) return;
          const { flags, protocol } = traveller.parsed;
          // That a packet told the server of its client is noted in the table; a SYN does not tell.
          const mayTell = flags.and(TCP_SYN).eq(0).and(protocol.eq(IPPROTO_TCP));
          when(
            mayTell.and(opened.method.eq(methods.fullnat.code)),
            () => connections.lookup(flow).then((entry) => connection.set(entry)),
            { isRare: true },
          );
        });
      });
    },
    { isRare: true },
  );
  return () => connection.get();
}

/** Sends a server's packet to its client of the other family, and leaves; there is none where the program has none. */
function crossing(road: Road, { parsed: { packet }, flow, now }: Traveller): (() => void) | undefined {
  const { crossing, answer } = road;
  if (crossing === undefined) return undefined;
  return () => leaveAcross({ packet, now, answer }, crossing.reply({ packet, flow, now }));
}

/** Moves a connection on by a client's packet; there is none any more where it turns out to be over. */
function goOnIn(
  { maps, connections, revisit }: Road,
  { parsed: { flags }, flow, now, refusal }: Traveller,
  connection: ConnectionVariable,
): void {
  when(
    needsRevisit(maps, flags),
    () => {
      const outcome = revisit({ connection: connection.get(), flags, now });
      when(outcome.eq(SUPERSEDED), () => connection.clear()).otherwise(() => {
        when(outcome.eq(RESET), () => refusal.set("reset")).otherwise(() => leaveUnless(outcome));
      });
    },
    { isRare: true },
  );
  when(connection.isNull().not().and(refusal.isSet.not()), () => {
    const found = connection.get();
    const packet = { base: transitionBase(found.table.toU32(), flags), now, flow: () => flow };
    connections.touch(found, packet, () => connection.clear());
  });
}

/** Opens a connection; what may open none is refused or leaves. */
function openIn(
  { maps, open }: Road,
  { parsed: { flags }, flow, now, refusal }: Traveller,
  connection: ConnectionReference,
  succeeded: () => void,
): void {
  const outcome = open({ flow, flags, now, connection });
  const refuses = outcome.eq(failure(reasons.noDestination)).and(maps.settings.value.refusesByIcmp.ne(0));
  when(refuses, () => refusal.set("portUnreachable")).otherwise(() => {
    leaveUnless(outcome);
    succeeded();
  });
}
