// Entry "@yardmaster/lab/choices": which runs a lab can do, and which it does when nothing is asked for. Loads nothing
// else, so that a command line can name the words.
import { type LabFamily, labFamilies } from "./addresses.ts";
import type { LabChoice, LabEncapsulation, LabHook, LabMethod, LabScenario } from "./layout.ts";
import { nameOf } from "./choice-text.ts";
import { labEncapsulations, labHooks, labMethods, labScenarios } from "./layout.ts";

export type { LabChoice, LabEncapsulation, LabFamily, LabHook, LabMethod, LabScenario };
export { labEncapsulations, labFamilies, labHooks, labMethods, labScenarios };

/** What is asked for; what is left out is as in the tour, `all` is every one of a kind. */
export interface WantedChoices {
  readonly method?: LabMethod | "all" | undefined;
  /** `containers`: `shares` and a `path`, where the servers are containers. */
  readonly scenario?: LabScenario | "containers" | "all" | undefined;
  readonly family?: LabFamily | "all" | undefined;
  readonly hook?: LabHook | "all" | undefined;
  readonly encapsulation?: LabEncapsulation | "all" | undefined;
}

/** What shows everything in a minute: each method with traffic over IPv4 and a packet's path in IPv6, then the mix. */
const tour: readonly LabChoice[] = [
  ...labMethods.flatMap((method): readonly LabChoice[] => [
    { method, family: "ipv4", scenario: "shares", hook: "xdp" },
    { method, family: "ipv6", scenario: "path", hook: "xdp", encapsulation: "gue" },
    ...(method === "tun"
      ? [{ method, family: "ipv4", scenario: "path", hook: "xdp", encapsulation: "gre" } as const]
      : []),
  ]),
  ...(["nat", "dr"] as const).map((method): LabChoice => ({ method, family: "ipv4", scenario: "mixed", hook: "xdp" })),
];

/** The runs to do, each once, in the tour's order. */
export function choicesFor(wanted: WantedChoices): readonly LabChoice[] {
  const { scenario, family, hook } = wanted;
  if (scenario === "containers") {
    const choices = choicesFor({ method: "nat", hook: hook ?? "tc", family });
    const shown = choices.filter((choice) => choice.scenario !== "mixed");
    return shown.map((choice) => ({ ...choice, place: "containers" }));
  }
  return combinations({ ...wanted, scenario });
}

function combinations({
  method,
  scenario,
  family,
  hook,
  encapsulation,
}: WantedChoices & { readonly scenario: LabScenario | "all" | undefined }): readonly LabChoice[] {
  const wanted = tour
    .flatMap((choice) => asWanted(labMethods, method, choice.method).map((one) => ({ ...choice, method: one })))
    .flatMap((choice) => asWanted(labFamilies, family, choice.family).map((one) => ({ ...choice, family: one })))
    .flatMap((choice) => asWanted(labScenarios, scenario, choice.scenario).map((one) => ({ ...choice, scenario: one })))
    .flatMap((choice) => asWanted(labHooks, hook, choice.hook).map((one) => ({ ...choice, hook: one })))
    .flatMap(({ encapsulation: usual = "ipip", ...choice }): readonly LabChoice[] => {
      if (choice.method !== "tun") return [choice];
      return asWanted(labEncapsulations, encapsulation, usual).map((one) => ({ ...choice, encapsulation: one }));
    });
  const once = new Map(wanted.map((choice) => [nameOf(choice), choice]));
  return [...once.values()];
}

function asWanted<Word>(words: readonly Word[], wanted: Word | "all" | undefined, usual: Word): readonly Word[] {
  return wanted === "all" ? words : [wanted ?? usual];
}
