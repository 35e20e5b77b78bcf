// Asks a service's scheduler: one function of the program, called by the road of each family.

import { fn, type Int, list, type Reference, stack, struct, u32, be32, variable, when } from "@yardmaster/ebpf";
import { copyAddress, fold, LONGEST } from "../address.ts";
import type { Family } from "../family.ts";
import { type BalancerMaps, destinationFlags } from "../schema.ts";
import type { BalancerShape } from "../shape.ts";
import { isOverloaded, memberList } from "./members.ts";
import { schedulers } from "./registry.ts";
import { NO_DESTINATION } from "./scheduler.ts";

/** What schedulers may know of a packet that opens a connection. */
export const Question = struct("question", {
  clientFold: u32,
  clientPort: u32,
  destinationFold: u32,
  destinationAddress: list(be32, LONGEST),
  service: u32,
  now: u32,
});

type FlowReference = Reference<Family["FlowKey"]["fields"]>;

/** The question for a client's flow, in the frame. */
export function questionOf(
  flow: FlowReference,
  service: Int<"u32">,
  now: Int<"u32">,
): Reference<typeof Question.fields> {
  const question = stack(Question, undefined, { share: "owner" });
  question.clientFold = fold(flow.source);
  question.clientPort = flow.sourcePort.toHost().toU32();
  question.destinationFold = fold(flow.destination);
  copyAddress(question.destinationAddress, flow.destination);
  question.service = service;
  question.now = now;
  return question;
}

/** The function that chooses a destination: its index, or NO_DESTINATION. Only the shape's schedulers are compiled in. */
export function scheduleFunction(maps: BalancerMaps, shape: BalancerShape) {
  return fn("schedule", { question: Question }, u32, ({ question }) => {
    const { service: serviceIndex } = question;
    const service = maps.services.lookup(serviceIndex).orReturn(NO_DESTINATION).lookup(0).orReturn(NO_DESTINATION);
    const load = (index: Int<"u32">) => maps.loads.lookup(index).orReturn(NO_DESTINATION);
    const destination = (index: Int<"u32">) => maps.destinations.lookup(index).orReturn(NO_DESTINATION);
    const chosen = variable(u32(NO_DESTINATION));
    for (const name of shape.schedulers) {
      const scheduler = schedulers[name];
      when(service.scheduler.eq(scheduler.code), () => {
        const choice = scheduler.choose({
          maps,
          shape,
          serviceIndex,
          service,
          now: question.now,
          flow: {
            clientFold: question.clientFold,
            clientPort: question.clientPort,
            destinationFold: question.destinationFold,
            destinationAddress: question.destinationAddress,
          },
          members: memberList(maps, shape, service),
          slot: (index) => {
            const table = maps.tables.lookup(serviceIndex).orReturn(NO_DESTINATION);
            return table.lookup(index).orReturn(NO_DESTINATION);
          },
          load,
          destination,
          isUsable: (index) => {
            const { weight, flags } = destination(index);
            const isListed = flags.and(destinationFlags.removed).eq(0);
            return weight
              .ne(0)
              .and(isListed)
              .and(isOverloaded(shape, load(index)).not());
          },
        });
        chosen.set(choice);
      });
    }
    return chosen.get();
  });
}
