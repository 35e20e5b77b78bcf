// The packet-forwarding methods: how a packet for the virtual service reaches the chosen destination.
// The names are the values people write; what each does to a packet lives in the dataplane package, and what it is
// missing there is refused here as not built yet.
import { type MethodName, methods } from "@yardmaster/dataplane";

/** All methods by the words that people write. */
export const methodWords = ["nat", "dr", "tun", "fullnat"] as const;

/** The way packets take to a server: see docs/methods.md. */
export type ForwardingMethod = MethodName;

const isBuilt = (word: string): word is MethodName => Object.hasOwn(methods, word);

/** Forwarding methods that the data plane has. */
export const forwardingMethods = methodWords.filter(isBuilt) as [MethodName, ...MethodName[]];

/** Forwarding methods that are known by name and not built yet. */
export const plannedForwardingMethods: readonly string[] = methodWords.filter((word) => !isBuilt(word));

/** Whether a method is the one of this word, also where that is not built. */
export function isMethod(method: ForwardingMethod | undefined, word: (typeof methodWords)[number]): boolean {
  return (method as string | undefined) === word;
}

/** Whether replies come back through the director, so that it can count (and must rewrite) them. */
export function seesReplies(method: ForwardingMethod): boolean {
  return methods[method].hasReplies;
}

/** Whether a destination may have another port than its service. */
export function mapsPorts(method: ForwardingMethod): boolean {
  return methods[method].mapsPorts;
}

/** Whether a destination may be of another address family than its service. */
export function mixesFamilies(method: ForwardingMethod): boolean {
  return methods[method].mixesFamilies === true;
}
