// Puts a connection into the table, counted at its destination; undoes it all where that fails.

import { fn, type Int, u32, variable, when, returnValue } from "@yardmaster/ebpf";
import type { ConnectionFunctions } from "./connection.ts";
import type { Family } from "./family.ts";
import { hasReplies } from "./forward/registry.ts";
import { type ConnectionReference, isExpired, REQUEST, stateOf } from "./life.ts";
import { EXISTS, failure, OPENED } from "./outcome.ts";
import { reasons } from "./reasons.ts";
import { replyEntryFunction } from "./reply.ts";
import type { BalancerMaps } from "./schema.ts";
import type { BalancerShape } from "./shape.ts";

/** The function that inserts: OPENED, or a failure. `connection` is overwritten where another CPU was quicker. */
export function insertFunction(
  maps: BalancerMaps,
  shape: BalancerShape,
  family: Family,
  functions: ConnectionFunctions,
) {
  const { FlowKey, Connection, digit } = family;
  const { connections } = maps[family.name];
  const { counters, templates, discard } = functions;
  const insertReplyEntry = replyEntryFunction(maps, family, functions);
  return fn(`insert${digit}`, { flow: FlowKey, now: u32, connection: Connection }, u32, ({ flow, now, connection }) => {
    const state = (): Int<"u32"> => stateOf(connection.life);
    // Counted first: another CPU may change the state as soon as the entry is there.
    counters.bind(connection.destination, state());
    const undo = () => {
      counters.unbind(connection.destination, state());
      templates.release(flow, connection);
    };
    const outcome = variable(connections.update(flow, connection, "create"));
    when(
      outcome.get().eq(EXISTS),
      () => {
        // Absent where whoever ends it was quicker: then there is room now.
        connections.lookup(flow).then((other) => {
          when(isExpired(other.life, now).not().and(other.direction.eq(REQUEST)), () => {
            undo();
            copyConnection(family, connection, other);
            returnValue(OPENED);
          });
        });
        discard({ flow, now, force: u32(0) });
        outcome.set(connections.update(flow, connection, "create"));
      },
      { isRare: true },
    );
    when(
      outcome.get().ne(0),
      () => {
        undo();
        returnValue(failure(reasons.tableFull));
      },
      { isRare: true },
    );
    if (hasReplies(shape.methods)) {
      when(
        connection.hasReplyEntry.ne(0),
        () => {
          const inserted = insertReplyEntry({ flow, now, connection });
          when(inserted.ne(OPENED), () => returnValue(inserted));
        },
        { isRare: true },
      );
    }
    counters.scheduled(connection.destination);
    return u32(OPENED);
  });
}

function copyConnection({ Connection }: Family, to: ConnectionReference, from: ConnectionReference): void {
  for (const field of Object.keys(Connection.fields) as (keyof typeof Connection.fields)[]) {
    Object.assign(to, { [field]: from[field] });
  }
}
