// Entry "@yardmaster/lab/choices": which runs a lab can do, and which it does when nothing is asked for. Loads nothing
// else, so that a command line can name the words.
import { type LabFamily, labFamilies } from "./addresses.ts";
import type { LabChoice, LabHook, LabMethod, LabScenario } from "./layout.ts";
import { labHooks, labMethods, labScenarios } from "./layout.ts";

export type { LabChoice, LabFamily, LabHook, LabMethod, LabScenario };
export { labFamilies, labHooks, labMethods, labScenarios };

/** What is asked for; what is left out is as in the tour, `all` is every one of a kind. */
export interface WantedChoices {
  readonly method?: LabMethod | "all" | undefined;
  readonly scenario?: LabScenario | "all" | undefined;
  readonly family?: LabFamily | "all" | undefined;
  readonly hook?: LabHook | "all" | undefined;
}

/** What shows everything in a minute: each method with traffic over IPv4 and a packet's path in IPv6, then the mix. */
const tour: readonly LabChoice[] = [
  ...labMethods.flatMap((method): readonly LabChoice[] => [
    { method, family: "ipv4", scenario: "shares", hook: "xdp" },
    { method, family: "ipv6", scenario: "path", hook: "xdp" },
  ]),
  ...(["nat", "dr"] as const).map((method): LabChoice => ({ method, family: "ipv4", scenario: "mixed", hook: "xdp" })),
];

/** The runs to do, each once, in the tour's order. */
export function choicesFor({ method, scenario, family, hook }: WantedChoices): readonly LabChoice[] {
  const wanted = tour.flatMap((choice) =>
    asWanted(labMethods, method, choice.method).flatMap((one) =>
      asWanted(labFamilies, family, choice.family).flatMap((inFamily) =>
        asWanted(labScenarios, scenario, choice.scenario).flatMap((shown) =>
          asWanted(labHooks, hook, choice.hook).map(
            (at): LabChoice => ({ method: one, family: inFamily, scenario: shown, hook: at }),
          ),
        ),
      ),
    ),
  );
  const once = new Map(wanted.map((choice) => [Object.values(choice).join(), choice]));
  return [...once.values()];
}

function asWanted<Word>(words: readonly Word[], wanted: Word | "all" | undefined, usual: Word): readonly Word[] {
  return wanted === "all" ? words : [wanted ?? usual];
}
