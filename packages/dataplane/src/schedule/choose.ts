// Asks a service's scheduler: one function of the program, called by the road of each family.

import { fn, type Int, type Reference, stack, u32, variable, when } from "@yardmaster/ebpf";
import { copyAddress, fold } from "../address.ts";
import type { FlowReference } from "../life.ts";
import type { BalancerMaps, ServiceFields } from "../schema.ts";
import { serviceAt } from "../service.ts";
import type { BalancerShape } from "../shape.ts";
import { schedulers } from "./registry.ts";
import { NO_DESTINATION } from "./scheduler.ts";
import { Question, type Scheduling } from "./scheduling.ts";
import { memberList, readings, walker } from "./walk.ts";

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
  question.now = now;
  copyAddress(question.locality.address, flow.destination);
  question.locality.service = service;
  return question;
}

/** The function that chooses a destination: its index, or NO_DESTINATION. Only the shape's schedulers are in it. */
export function scheduleFunction(maps: BalancerMaps, shape: BalancerShape) {
  return fn(
    "schedule",
    { question: Question },
    u32,
    ({ question }) => {
      const service = serviceAt(maps, question.locality.service, NO_DESTINATION);
      const scheduling = schedulingOf(maps, shape, question, service);
      const chosen = variable(u32(NO_DESTINATION));
      for (const name of shape.schedulers) {
        const { code, choose } = schedulers[name];
        when(scheduling.service.scheduler.eq(code), () => chosen.set(choose(scheduling)));
      }
      return chosen.get();
    },
    { isGlobal: true },
  );
}

/** What a scheduler sees. The question is read where it is asked: what lives across walks costs room in the frame. */
function schedulingOf(
  maps: BalancerMaps,
  shape: BalancerShape,
  question: Reference<typeof Question.fields>,
  service: Reference<ServiceFields>,
): Scheduling {
  const walk = walker(maps, shape);
  return Object.assign(readings(maps, shape, NO_DESTINATION), {
    maps,
    shape,
    service,
    question,
    members: memberList(maps, walk, service),
    walk,
  });
}
