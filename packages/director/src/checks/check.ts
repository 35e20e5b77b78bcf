// What a check of a method's requirements is: a question about one server of one service, and findings that say what is
// wrong, what was seen, and the command that mends it. A kind of requirement has a file of its own here.
import type { FamilyName } from "@yardmaster/dataplane";
import type { Encapsulation } from "../model/encapsulation.ts";
import type { ForwardingMethod } from "../model/forwarding-method.ts";
import type { Protocol } from "../model/virtual-service.ts";
import type { Network } from "./network.ts";

/** One server as a service uses it, and what its method's requirements depend on. */
export interface Subject {
  readonly forwarding: ForwardingMethod;
  /** The server's address. */
  readonly server: string;
  /** Of the service. */
  readonly family: FamilyName;
  /** The service's addresses, without its prefixes. */
  readonly virtual: readonly string[];
  readonly protocols: readonly Protocol[];
  readonly encapsulation: Encapsulation | undefined;
  /** Those of the server's family. */
  readonly localAddresses: readonly string[];
  /** Where packets are taken; undefined: at interfaces that are up and have an IPv4 address. */
  readonly interfaces: readonly string[] | undefined;
}

/** A requirement that is not met, or perhaps not. */
export interface Finding {
  /** `error`: packets would not arrive. */
  readonly severity: "error" | "warning";
  readonly code: string;
  /** What is wrong, with the values. Those of the machine as a whole say the same for every server. */
  readonly message: string;
  /** What was read, and how a person can see it too. */
  readonly evidence: string;
  /** The command that mends it, or what else to do. */
  readonly hint: string;
  /** The address that it is about, where that is not the server's. */
  readonly about?: string;
}

/** Answers with nothing where the requirement is met, or cannot be seen from here. */
export type Check = (subject: Subject, network: Network) => readonly Finding[];
