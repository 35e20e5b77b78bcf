// Persistence: a template binds a client to the server that its first connection got. Rules: shared behaviour
// reference §6 and net/netfilter/ipvs/ip_vs_core.c (ip_vs_sched_persist), ip_vs_conn.c (ip_vs_check_template).

import {
  atomic,
  choose,
  fn,
  type Int,
  type Reference,
  returnValue,
  stack,
  u16,
  u32,
  variable,
  when,
} from "@yardmaster/ebpf";
import type { Family } from "./family.ts";
import { type ConnectionReference, type FlowReference, isExpired, lifeOf, stateOf } from "./life.ts";
import {
  type BalancerMaps,
  destinationFlags,
  Load,
  type ServiceFields,
  serviceFlags,
  Tallies,
  Template,
} from "./schema.ts";
import { NO_DESTINATION } from "./schedule/scheduler.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";
import { states } from "./tcp-states.ts";

type TemplateReference = Reference<typeof Template.fields>;
type KeyReference = Reference<Family["TemplateKey"]["fields"]>;

/** State of a template of which a connection was established (IP_VS_CTPL_S_ASSURED, include/net/ip_vs.h). */
export const ASSURED = 1;
/** Seconds that a template gets when its time is up and connections under it go on, and lives from then on. */
const EXTENSION_SECONDS = 60;
/** Bits of `serviceFlags` that decide what a template's key leaves out. */
const KEY_FLAGS = serviceFlags.allPorts | serviceFlags.byMark;
/** Bits of them that connections note. */
const NOTED_FLAGS = KEY_FLAGS | serviceFlags.persistent;

/** In `protocol` of a key: the template is disabled. No protocol has a number this large. */
export const DISABLED = 0x8000;

/** Added to a counter it takes one away. */
const MINUS_ONE = 0xffff_ffff;

/** What a template's key is made of besides the flow. */
interface KeyParts {
  readonly flags: Int<"u32">;
  readonly bits: Int<"u32">;
  readonly service: Int<"u32">;
}

/** The operations on templates of one family in one program. */
export function templateFunctions(maps: BalancerMaps, shape: BalancerShape, family: Family) {
  const at: Place = { maps, family };
  return { ...choosing(at), ...ofConnections(at, shape), ...forgetting(at), describe };
}

/** The tables and the family that operations are built for. */
interface Place {
  readonly maps: BalancerMaps;
  readonly family: Family;
}

/** Ticks that a template gets when its time is up and connections under it go on, and lives from then on. */
function extension(maps: BalancerMaps): Int<"u32"> {
  return maps.settings.value.ticksPerSecond.mul(EXTENSION_SECONDS);
}

/** The key of the client's template, in the frame. */
function keyOf(family: Family, flow: FlowReference, { flags, bits, service }: KeyParts): KeyReference {
  const key = stack(family.TemplateKey, undefined, { share: "template key" });
  for (let word = 0; word < family.words; word++) {
    key.client.set(word, flow.source.at(word).toHost().and(maskWord(bits, word)).toNet());
    key.service.set(word, flow.destination.at(word));
  }
  key.port = flow.destinationPort;
  key.protocol = flow.protocol.toU16();
  key.index = service;
  when(flags.and(KEY_FLAGS).ne(0), () => (key.port = u16(0).toNet()));
  when(flags.and(serviceFlags.byMark).ne(0), () => {
    for (let word = 0; word < family.words; word++) key.service.set(word, 0);
    key.protocol = u16(0);
  });
  return key;
}

/**
 * Turns a template's key into where the template goes when its destination is no more, until its time is up: no client
 * finds it there, and it still says whose it was.
 */
function disableKey(key: KeyReference, serial: Int<"u32">): void {
  key.port = u16(0xffff).toNet();
  key.protocol = key.protocol.or(DISABLED).toU16();
  key.index = serial;
}

/** Adds to the templates of a destination. */
function countTemplates(maps: BalancerMaps, destination: Int<"u32">, amount: Int<"u32">): void {
  maps.loads.lookup(destination).then((load) => atomic(load, Load, "templates").add(amount));
}

/**
 * Where a template leads at `now`, or NO_DESTINATION where it does no longer. The function being built returns that
 * where the destination is missing.
 */
function leadsTo(maps: BalancerMaps, template: TemplateReference, now: Int<"u32">): Int<"u32"> {
  const { life, destination } = template;
  const isOver = isExpired(life, now).and(template.controlled.eq(0));
  const isGone = isOver.or(stateOf(life).eq(states.CLAIMED));
  const chosen = variable(choose(isGone, u32(NO_DESTINATION), destination));
  when(isGone.not(), () => {
    const record = maps.destinations.lookup(destination).orReturn(NO_DESTINATION);
    const isRemoved = record.flags.and(destinationFlags.removed).ne(0);
    const isLeft = maps.settings.value.leaveQuiesced.ne(0).and(record.weight.eq(0));
    when(isRemoved.or(isLeft), () => chosen.set(u32(NO_DESTINATION)));
  });
  return chosen.get();
}

/** How new connections find and make templates. */
function choosing({ maps, family }: Place) {
  const { FlowKey, Connection, digit } = family;
  const { templates } = maps[family.name];

  /** The destination that the client of `flow` is bound to, or NO_DESTINATION. */
  const find = fn(
    `bound${digit}`,
    { flow: FlowKey, flags: u32, bits: u32, service: u32, now: u32 },
    u32,
    ({ flow, now, ...parts }) =>
      leadsTo(maps, templates.lookup(keyOf(family, flow, parts)).orReturn(NO_DESTINATION), now),
  );

  /** A new connection under a template: its time starts again. One that was only kept by connections stays brief. */
  const renew = (template: TemplateReference, now: Int<"u32">): void => {
    atomic(template, Template, "controlled").add(1);
    const life = template.life;
    when(isExpired(life, now), () => (template.periodTicks = extension(maps)));
    const renewed = lifeOf(now.add(template.periodTicks), stateOf(life));
    atomic(template, Template, "life").compareExchange(life, renewed);
  };

  /** Keeps a template that leads nowhere any more, out of its client's way, until its time is up. */
  const disable = (key: KeyReference, template: TemplateReference): void => {
    const { life, destination, serial, controlled, periodTicks } = template;
    const copy = stack(Template, { life, destination, serial, controlled, periodTicks }, { share: "template" });
    const { client, service, port, protocol, index } = key;
    const disabled = stack(family.TemplateKey, { client, service, port, protocol, index }, { share: "disabled key" });
    disableKey(disabled, serial);
    const outcome = templates.update(disabled, copy, "create");
    when(outcome.ne(0), () => countTemplates(maps, destination, u32(MINUS_ONE)));
  };

  /**
   * Binds the client of `flow` to the destination of `connection`, whose template becomes this one: the one there is,
   * if it leads there, or a new one. Returns 0, or 1 where the table of templates is full.
   */
  const bind = fn(
    `bind${digit}`,
    { flow: FlowKey, connection: Connection, now: u32 },
    u32,
    ({ flow, connection, now }) => {
      const { destination } = connection;
      const { service } = maps.destinations.lookup(destination).orReturn(1);
      const { persistenceTicks: periodTicks } = maps.services.lookup(service).orReturn(1).lookup(0).orReturn(1);
      const parts = { flags: connection.templateFlags.toU32(), bits: connection.templateBits.toU32(), service };
      const key = keyOf(family, flow, parts);
      templates.lookup(key).then((known) => {
        when(leadsTo(maps, known, now).eq(destination), () => {
          renew(known, now);
          connection.template = known.serial;
          returnValue(0);
        });
        disable(key, known);
      });
      const serial = atomic(maps.tallies.value, Tallies, "templateSerial").fetchAdd(1).add(1);
      const life = lifeOf(now.add(periodTicks), u32(0));
      const content = { life, destination, serial, controlled: 1, periodTicks };
      const fresh = stack(Template, content, { share: "template" });
      when(templates.update(key, fresh).ne(0), () => returnValue(1));
      countTemplates(maps, destination, u32(1));
      connection.template = serial;
      return u32(0);
    },
  );

  return {
    find,
    /** Binds the client of a connection to a persistent service; `full` runs where the table of templates is full. */
    bind(flow: FlowReference, connection: ConnectionReference, now: Int<"u32">, full: () => void): void {
      when(connection.templateFlags.and(serviceFlags.persistent).ne(0), () => {
        when(bind({ flow, connection, now }).ne(0), full);
      });
    },
  };
}

/** What connections do to the template that they were opened under. */
function ofConnections({ maps, family }: Place, shape: BalancerShape) {
  const { FlowKey, Connection, digit } = family;
  const { templates } = maps[family.name];
  const parameters = { flow: FlowKey, connection: Connection };

  const withTemplate = (
    flow: FlowReference,
    connection: ConnectionReference,
    found: (template: TemplateReference) => void,
  ): void => {
    maps.destinations.lookup(connection.destination).then(({ service }) => {
      const parts = { flags: connection.templateFlags.toU32(), bits: connection.templateBits.toU32(), service };
      const isFound = variable(u32(0));
      const key = keyOf(family, flow, parts);
      templates.lookup(key).then((template) => {
        when(template.serial.eq(connection.template), () => {
          isFound.set(u32(1));
          found(template);
        });
      });
      when(isFound.get().eq(0), () => {
        disableKey(key, connection.template);
        templates.lookup(key).then(found);
      });
    });
  };

  const letGo = (flow: FlowReference, connection: ConnectionReference): void =>
    withTemplate(flow, connection, (template) => atomic(template, Template, "controlled").add(MINUS_ONE));
  const released = fn(`release${digit}`, parameters, u32, ({ flow, connection }) => {
    letGo(flow, connection);
    return u32(0);
  });
  const assured = fn(`assure${digit}`, parameters, u32, ({ flow, connection }) => {
    withTemplate(flow, connection, (template) => {
      const life = template.life;
      const renewed = lifeOf(life.toU32(), u32(ASSURED));
      when(stateOf(life).eq(0), () => void atomic(template, Template, "life").compareExchange(life, renewed));
    });
    return u32(0);
  });

  return {
    /** A connection opened by `flow`, maybe under a template, has ended. */
    release(flow: FlowReference, connection: ConnectionReference): void {
      if (!hasFeature(shape, "persistence")) return;
      when(connection.template.ne(0), () => void released({ flow, connection }), { isRare: true });
    },
    /** The same, in the function being built itself, whose frame has room for a key: no call, no frame of its own. */
    releaseHere(flow: FlowReference, connection: ConnectionReference): void {
      if (!hasFeature(shape, "persistence")) return;
      when(connection.template.ne(0), () => letGo(flow, connection), { isRare: true });
    },
    /** A connection opened under a template is established: the template is worth keeping under attack. */
    assure: (flow: FlowReference, connection: ConnectionReference): void => void assured({ flow, connection }),
  };
}

/** How templates end. */
function forgetting({ maps, family }: Place) {
  const { TemplateKey, digit } = family;
  const { templates } = maps[family.name];

  /**
   * Ends a template whose time is up, or gives it another minute where connections go on under it. Returns 1 for the
   * one caller that ended it.
   */
  const discard = fn(`forget${digit}`, { key: TemplateKey, now: u32, force: u32 }, u32, ({ key, now, force }) => {
    const template = templates.lookup(key).orReturn(0);
    const life = template.life;
    const exchange = (becomes: Int<"u64">) => atomic(template, Template, "life").compareExchange(life, becomes);
    when(stateOf(life).eq(states.CLAIMED), () => returnValue(0));
    when(force.eq(0).and(isExpired(life, now).not()), () => returnValue(0));
    when(force.eq(0).and(template.controlled.ne(0)), () => {
      template.periodTicks = extension(maps);
      exchange(lifeOf(life.toU32().add(extension(maps)), stateOf(life)));
      returnValue(0);
    });
    when(exchange(lifeOf(now, u32(states.CLAIMED))).ne(life), () => returnValue(0));
    countTemplates(maps, template.destination, u32(MINUS_ONE));
    templates.delete(key);
    return u32(1);
  });

  return { discard };
}

/** Notes on a connection what its template's key is made by. */
function describe(connection: ConnectionReference, service: Reference<ServiceFields>): void {
  connection.templateFlags = service.flags.and(NOTED_FLAGS).toU8();
  connection.templateBits = service.maskBits.toU8();
}

/** The mask for one word of an address of which `bits` bits are kept, in host order. */
function maskWord(bits: Int<"u32">, word: number): Int<"u32"> {
  // Bits of this word that are kept: bits − 32 × word, within 0 … 32.
  const before = 32 * word;
  const kept = variable(u32(0));
  when(bits.gt(before), () => kept.set(bits.sub(before)));
  when(kept.get().gt(32), () => kept.set(u32(32)));
  // 64-bit arithmetic: a shift by 32 of a 32-bit number would be one by 0.
  const ones = u32(0xffff_ffff).toU64();
  return ones.shl(u32(32).sub(kept.get()).toU64()).toU32();
}

export type TemplateFunctions = ReturnType<typeof templateFunctions>;
