// What schedulers do with their table: take what stands in a slot if it can be used, or look on in others.

import { type Fields, type Initial, type Int, type Reference, u32, variable, when } from "@yardmaster/ebpf";
import { NO_DESTINATION } from "./scheduler.ts";
import type { Scheduling } from "./scheduling.ts";

/** The destination in a slot, NO_DESTINATION where it takes no new connections. */
export function usableAt({ slot, question, isUsable }: Scheduling, index: Int<"u32">): Int<"u32"> {
  const found = slot(question.locality.service, index);
  const chosen = variable(u32(NO_DESTINATION));
  when(found.ne(NO_DESTINATION), () => {
    when(isUsable(found), () => chosen.set(found));
  });
  return chosen.get();
}

/** Where to look, slot by slot. */
interface Search<F extends Fields> {
  /** Name of the walk's function; each scheduler's own. */
  readonly name: string;
  readonly times: Int<"u32">;
  /** What `slotOf` has to know. */
  readonly fields: F;
  readonly initial: Initial<F>;
  readonly slotOf: (state: Reference<F>, round: Int<"u32">) => Int<"u32">;
}

/** The first usable destination in the slots of a search; NO_DESTINATION where there is none. */
export function search<F extends Fields>({ walk, question }: Scheduling, from: Search<F>): Int<"u32"> {
  const own = { service: u32, chosen: u32 };
  type All = F & typeof own;
  const initial = {
    ...from.initial,
    service: question.locality.service,
    chosen: NO_DESTINATION,
  } as unknown as Initial<All>;
  const end = walk<All>(from.name, from.times, { ...from.fields, ...own }, initial, (inside) => {
    const { service } = inside.state as unknown as Reference<typeof own>;
    const found = inside.slot(service, from.slotOf(inside.state as unknown as Reference<F>, inside.round));
    when(found.eq(NO_DESTINATION), () => inside.stop());
    when(inside.isUsable(found), () => {
      (inside.state as unknown as Reference<typeof own>).chosen = found;
      inside.stop();
    });
  });
  return (end as unknown as Reference<typeof own>).chosen;
}
