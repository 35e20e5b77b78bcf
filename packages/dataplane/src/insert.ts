// Puts a described connection into the table, counted at its destination, and the entry for its replies where it needs
// one; undoes it all where that fails. In steps that one function calls one after another: the frames of functions that
// call each other share 512 bytes.

import { fn, guard, type Int, returnValue, stack, u32, type Variable, variable, when } from "@yardmaster/ebpf";
import type { ConnectionFunctions } from "./connection.ts";
import type { Family } from "./family.ts";
import { methods } from "./forward/registry.ts";
import { IPPROTO_UDP } from "./headers.ts";
import { type ConnectionReference, type FlowReference, isExpired, REQUEST, stateOf } from "./life.ts";
import { forgetLocalPort, searchOf, takingLocalPort } from "./local-port.ts";
import { EXISTS, failure, INSERTED, OCCUPIED, OPENED, READY } from "./outcome.ts";
import { reasons } from "./reasons.ts";
import { replyEntryFunctions } from "./reply.ts";
import { type BalancerMaps, serviceFlags } from "./schema.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";
import { answeringClients, hasLocalAddress, hasReplies } from "./forward/traits.ts";

/** A connection of a flow that is to be inserted. */
interface Insertion {
  readonly flow: FlowReference;
  readonly now: Int<"u32">;
  readonly connection: ConnectionReference;
}

/** Goes on, in the function that opens, from what that came to: `outcome` becomes OPENED or a failure. */
export type Insert = (insertion: Insertion, outcome: Variable<Int<"u32">>) => void;

/**
 * Makes the step that inserts. `connection` becomes a copy of the entry that serves the flow where another CPU was
 * quicker.
 */
export function insertion(
  maps: BalancerMaps,
  shape: BalancerShape,
  family: Family,
  functions: ConnectionFunctions,
): Insert {
  const insert = clientEntry(maps, shape, family, functions);
  const { replyEntry, replyOwner } = replyEntryFunctions(maps, family);
  const { discard, counters, templates } = functions;
  const takeLocalPort = takingLocalPort(maps, shape, family);
  return (insertion, outcome) => {
    const { flow, now, connection } = insertion;
    if (hasFeature(shape, "persistence")) {
      when(outcome.get().eq(READY), () => {
        templates.bind(flow, connection, now, () => outcome.set(u32(failure(reasons.templatesFull))));
      });
    }
    if (hasFeature(shape, "onePacket")) {
      // A local port belongs to a connection.
      const hasNone = connection.method.ne(methods.fullnat.code);
      const isUdp = flow.protocol.eq(IPPROTO_UDP);
      const isOnePacket = connection.serviceFlags.and(serviceFlags.onePacket).ne(0).and(isUdp).and(hasNone);
      when(outcome.get().eq(READY).and(isOnePacket), () => {
        templates.release(flow, connection);
        counters.scheduled(connection);
        outcome.set(u32(OPENED));
      });
    }
    if (hasLocalAddress(shape.methods)) {
      const isLocal = connection.method.eq(methods.fullnat.code);
      when(outcome.get().eq(READY).and(isLocal), () => {
        outcome.set(takeLocalPort({ flow, now, connection }));
        when(
          outcome.get().eq(EXISTS),
          () => {
            // Absent where whoever ends it was quicker: then its port is free now.
            const { owner } = searchOf(maps, family);
            discard({ flow: owner, now, force: u32(0) });
            outcome.set(takeLocalPort({ flow, now, connection }));
            when(outcome.get().eq(EXISTS), () => outcome.set(u32(failure(reasons.localPortsExhausted))));
          },
          { isRare: true },
        );
        when(outcome.get().eq(READY), () => {
          insert(insertion, outcome);
          when(outcome.get().eq(INSERTED), () => {
            counters.scheduled(connection);
            outcome.set(u32(OPENED));
          }).otherwise(() => forgetLocalPort(maps, shape, family));
        }).otherwise(() => templates.release(flow, connection));
      });
    }
    when(outcome.get().eq(READY), () => insert(insertion, outcome));
    if (answeringClients(shape.methods).length === 0) return;
    when(outcome.get().eq(INSERTED), () => {
      const made = variable(replyEntry({ flow, connection }));
      when(made.get().eq(EXISTS), () => {
        // Absent where whoever ends it was quicker: then there is room now. Written before it is known, since a global
        // function takes nothing that is not written.
        const owner = stack(family.FlowKey, flow, { share: "owner" });
        when(replyOwner({ flow, connection, owner }).ne(0), () => void discard({ flow: owner, now, force: u32(0) }));
        made.set(replyEntry({ flow, connection }));
      });
      when(made.get().eq(0), () => {
        counters.scheduled(connection);
        outcome.set(u32(OPENED));
      }).otherwise(() => {
        discard({ flow, now, force: u32(1) });
        outcome.set(u32(failure(reasons.tableFull)));
        when(made.get().eq(EXISTS), () => outcome.set(u32(failure(reasons.replyFlowTaken))));
      });
    });
  };
}

/**
 * The function that inserts the client's entry, which is counted already: OPENED, INSERTED, EXISTS where an expired
 * entry was in the way, OCCUPIED where another CPU was quicker, or a failure. Where one was, the connection stays
 * counted: the old one is until it has ended, as in IPVS.
 */
function insertFunction(maps: BalancerMaps, shape: BalancerShape, family: Family, functions: ConnectionFunctions) {
  const { FlowKey, Connection, digit } = family;
  const { connections } = maps[family.name];
  const { counters } = functions;
  return fn(
    `insert${digit}`,
    { flow: FlowKey, now: u32, connection: Connection },
    u32,
    ({ flow, now, connection }) => {
      const state = (): Int<"u32"> => stateOf(connection.life);
      const unbind = () => counters.unbind(connection.destination, state());
      const outcome = connections.update(flow, connection, "create");
      when(
        outcome.ne(0),
        () => {
          when(outcome.ne(EXISTS), () => {
            unbind();
            returnValue(failure(reasons.tableFull));
          });
          // Absent where whoever ends it was quicker: then there is room now.
          const other = connections.lookup(flow).orReturn(EXISTS);
          const isCurrent = isExpired(other.life, now).not().and(other.direction.eq(REQUEST));
          guard(isCurrent).orReturn(EXISTS);
          unbind();
          returnValue(OCCUPIED);
        },
        { isRare: true },
      );
      if (hasReplies(shape.methods)) {
        when(connection.hasReplyEntry.ne(0), () => returnValue(INSERTED), { isRare: true });
      }
      counters.scheduled(connection);
      return u32(OPENED);
    },
    { isGlobal: true },
  );
}

/**
 * The step that inserts the client's entry: OPENED, INSERTED or a failure. An expired entry may be in the way, and,
 * once that is gone, the one that another CPU opened in its place.
 */
function clientEntry(maps: BalancerMaps, shape: BalancerShape, family: Family, functions: ConnectionFunctions): Insert {
  const insert = insertFunction(maps, shape, family, functions);
  const adopt = adoptFunction(maps, family);
  const { discard, templates, counters } = functions;
  return (insertion, outcome) => {
    const { flow, now, connection } = insertion;
    // Counted first: another CPU may change the state as soon as the entry is there.
    counters.bind(connection.destination, stateOf(connection.life));
    outcome.set(insert(insertion));
    when(
      outcome.get().eq(EXISTS),
      () => {
        discard({ flow, now, force: u32(0) });
        outcome.set(insert(insertion));
        when(outcome.get().eq(EXISTS), () => {
          counters.unbind(connection.destination, stateOf(connection.life));
          outcome.set(u32(failure(reasons.tableFull)));
        });
      },
      { isRare: true },
    );
    const isFull = outcome.get().eq(failure(reasons.tableFull));
    when(isFull.or(outcome.get().eq(OCCUPIED)), () => templates.release(flow, connection), { isRare: true });
    when(outcome.get().eq(OCCUPIED), () => outcome.set(adopt({ flow, connection })), { isRare: true });
  };
}

/** The function that makes `connection` a copy of the one that the flow has: OPENED, or a failure where it is gone. */
function adoptFunction(maps: BalancerMaps, family: Family) {
  const { FlowKey, Connection, digit } = family;
  return fn(
    `adopt${digit}`,
    { flow: FlowKey, connection: Connection },
    u32,
    ({ flow, connection }) => {
      const other = maps[family.name].connections.lookup(flow).orReturn(failure(reasons.tableFull));
      guard(other.direction.eq(REQUEST)).orReturn(failure(reasons.tableFull));
      copyConnection(family, connection, other);
      return u32(OPENED);
    },
    { isGlobal: true },
  );
}

/** Makes `to` equal to `from`. */
export function copyConnection({ Connection }: Family, to: ConnectionReference, from: ConnectionReference): void {
  for (const field of Object.keys(Connection.fields) as (keyof typeof Connection.fields)[]) {
    Object.assign(to, { [field]: from[field] });
  }
}
