// The reference's templates: which client is bound to which server, until when, and by how many connections
// (behaviour reference §6).

import { addressFromWords, addressWords, formatAddress } from "@yardmaster/packet";
import { type EndpointPlan, type PersistencePlan, type SettingsPlan, TICKS_PER_SECOND } from "../plan.ts";
import type { Destination } from "./destination.ts";

export interface Template {
  /** What it is for; "retired" and the client once that finds it no more. */
  key: string;
  readonly serial: number;
  readonly destination: Destination;
  expiresAt: number;
  period: number;
  isAssured: boolean;
  /** Connections that were opened under it and have not ended. */
  controlled: number;
}

/** Which entries the reaper ends. */
export type Reaped = "expired" | "ofRemoved";

/** Who wants to be bound, and to what. */
export interface Binding {
  readonly client: string;
  readonly service: number;
  readonly to: Required<EndpointPlan>;
  readonly persistence: PersistencePlan;
}

const EXTENSION = 60 * TICKS_PER_SECOND;
const PROTOCOLS = { tcp: 6, udp: 17 } as const;
const brackets = (address: string) => (address.includes(":") ? `[${address}]` : address);

/** An address without what is behind its first `bits` bits. */
function masked(address: string, bits: number): string {
  const words = addressWords(address).map((word, index) => {
    const kept = Math.min(Math.max(bits - 32 * index, 0), 32);
    return kept === 0 ? 0 : (word & (-1 << (32 - kept))) >>> 0;
  });
  return formatAddress(addressFromWords(words));
}

/** What a template stands for: one port, all ports, or, by mark, everything. */
function keyOf({ client, service, to, persistence }: Binding): string {
  const words = addressWords(to.address).length;
  const { maskBits = words * 32, covers = "port" } = persistence;
  const nowhere = formatAddress(addressFromWords(new Array<number>(words).fill(0)));
  const address = covers === "mark" ? nowhere : to.address;
  const protocol = covers === "mark" ? 0 : PROTOCOLS[to.protocol];
  const port = covers === "port" ? to.port : 0;
  return `${masked(client, maskBits)} ${brackets(address)}:${port} ${protocol} of ${service}`;
}

/** The templates of one family. */
export class Templates {
  readonly all = new Set<Template>();
  readonly #found = new Map<string, Template>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Where the client is bound to now. */
  find(binding: Binding, now: number, settings: SettingsPlan): Destination | undefined {
    const known = this.#found.get(keyOf(binding));
    return known === undefined || !leads(known, now, settings) ? undefined : known.destination;
  }

  /**
   * The template under which a connection to `destination` is opened: the one there is, or a new one in its place.
   * Undefined where there is no room. `serial` gives the next number.
   */
  bind(
    binding: Binding,
    destination: Destination,
    { now, settings, serial }: { now: number; settings: SettingsPlan; serial: () => number },
  ): Template | undefined {
    const key = keyOf(binding);
    const known = this.#found.get(key);
    if (known !== undefined && leads(known, now, settings)) {
      if (known.expiresAt <= now) known.period = EXTENSION;
      known.expiresAt = now + known.period;
      known.controlled += 1;
      return known;
    }
    if (known !== undefined) this.#retire(known, now);
    const period = binding.persistence.seconds * TICKS_PER_SECOND;
    const fresh = { key, serial: serial(), destination, expiresAt: now + period, period };
    if (this.all.size >= this.#capacity) return undefined;
    const template = { ...fresh, isAssured: false, controlled: 1 };
    this.all.add(template);
    this.#found.set(key, template);
    destination.templates += 1;
    return template;
  }

  /** The reaper's round: ends what is over, gives another minute to what connections keep. Returns how many ended. */
  reap(now: number, of: Reaped): number {
    const before = this.all.size;
    for (const template of [...this.all]) {
      const isExpired = template.expiresAt <= now;
      const isDoomed = of === "ofRemoved" && !template.destination.isAvailable;
      if ((isExpired || isDoomed) && template.controlled === 0) this.#end(template);
      else if (isExpired) {
        template.period = EXTENSION;
        template.expiresAt += EXTENSION;
      }
    }
    return before - this.all.size;
  }

  /** Another place in the table takes it, as long as there is one: its own is given up after. */
  #retire(template: Template, now: number): void {
    const isOver = template.expiresAt <= now && template.controlled === 0;
    if (isOver || this.all.size >= this.#capacity) this.#end(template);
    this.#found.delete(template.key);
    template.key = `retired ${template.key.split(" ")[0]}`;
  }

  #end(template: Template): void {
    if (this.#found.get(template.key) === template) this.#found.delete(template.key);
    this.all.delete(template);
    template.destination.templates -= 1;
  }
}

/**
 * Whether a template still says where its client goes: neither weight nor overload matter, unless that is wished; that
 * its server was found down does.
 */
function leads(
  { expiresAt, controlled, destination }: Template,
  now: number,
  { leaveQuiesced }: SettingsPlan,
): boolean {
  if (expiresAt <= now && controlled === 0) return false;
  return destination.isAvailable && !destination.isDown && !(leaveQuiesced === true && destination.weight === 0);
}
