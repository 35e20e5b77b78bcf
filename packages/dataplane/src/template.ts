// Persistence: a template binds a client to the server that its first connection got. Rules: shared behaviour
// reference §6 and net/netfilter/ipvs/ip_vs_core.c (ip_vs_sched_persist), ip_vs_conn.c (ip_vs_check_template).

import {
  atomic,
  type Bool,
  fn,
  type Int,
  type Reference,
  repeat,
  returnValue,
  stack,
  u16,
  u32,
  u64,
  variable,
  when,
} from "@yardmaster/ebpf";
import { aim } from "./aim.ts";
import type { Family } from "./family.ts";
import { IPPROTO_UDP } from "./headers.ts";
import {
  type ConnectionReference,
  CONTROLLED_SHIFT,
  controlledOf,
  type FlowReference,
  isExpired,
  stateOf,
} from "./life.ts";
import { EXISTS } from "./outcome.ts";
import { type BalancerMaps, destinationFlags, Load, serviceFlags, Tallies, Template } from "./schema.ts";
import { serviceAt } from "./service.ts";
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
/** Bit among those of a connection: its server has answered, and its template knows. */
const ANSWERED = 0x80;

/** In `protocol` of a key: the template is disabled. No protocol has a number this large. */
export const DISABLED = 0x8000;

/** Added to a counter it takes one away. */
const MINUS_ONE = 0xffff_ffff;
/** How often a compare-and-exchange is tried again while other CPUs keep winning. */
const ATTEMPTS = 3;

/** What a connection under a template adds to its life word, and what its state becomes once claimed or assured. */
const ONE_CONTROLLED = 1n << CONTROLLED_SHIFT;
const ONE_LESS_CONTROLLED = 2n ** 64n - ONE_CONTROLLED;
const CLAIM = BigInt(states.CLAIMED) << 32n;
const ASSURANCE = BigInt(ASSURED) << 32n;
/** The life word that a retired template leaves behind: count at its copy. Its top bit is set, as no count sets it. */
const MOVED = 2n ** 64n - 1n;

/** What a template's key is made of besides the flow. */
interface KeyParts {
  readonly flags: Int<"u32">;
  readonly bits: Int<"u32">;
  readonly service: Int<"u32">;
}

/** The operations on templates of one family in one program. */
export function templateFunctions(maps: BalancerMaps, shape: BalancerShape, family: Family) {
  const at: Place = { maps, shape, family };
  return { ...choosing(at), ...ofConnections(at), ...forgetting(at) };
}

/** The tables and the family that operations are built for. */
interface Place {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  readonly family: Family;
}

/** Ticks that a template gets when its time is up and connections under it go on, and lives from then on. */
function extension(maps: BalancerMaps): Int<"u32"> {
  return maps.settings.value.ticksPerSecond.mul(EXTENSION_SECONDS);
}

/**
 * The key of the client's template, in the frame. What it leaves out is masked, not branched over: the verifier would
 * follow each way through all that comes behind.
 */
function keyOf(family: Family, flow: FlowReference, { flags, bits, service }: KeyParts): KeyReference {
  const key = stack(family.TemplateKey, undefined, { share: "template key" });
  const port = maskFor(isZero(flags.and(KEY_FLAGS)));
  const address = maskFor(isZero(flags.and(serviceFlags.byMark)));
  for (let word = 0; word < family.words; word++) {
    key.client.set(
      word,
      flow.source
        .at(word)
        .toHost()
        .and(maskWord(family, bits, word))
        .toNet(),
    );
    key.service.set(word, flow.destination.at(word).toHost().and(address).toNet());
  }
  key.port = flow.destinationPort.toHost().and(port).toU16().toNet();
  key.protocol = flow.protocol.and(address).toU16();
  key.index = service;
  return key;
}

/** 1 where `value`, below 2^31, is 0; else 0. */
function isZero(value: Int<"u32">): Int<"u32"> {
  return value.sub(1).shr(31);
}

/** All ones for 1, 0 for 0. */
function maskFor(bit: Int<"u32">): Int<"u32"> {
  return u32(0).sub(bit);
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

/** Whether a template's time is up and no connection keeps it. */
function isOver(life: Int<"u64">, now: Int<"u32">): Bool {
  return isExpired(life, now).and(controlledOf(life).eq(0));
}

/** Where a template whose life word is `life` leads at `now`, or NO_DESTINATION where it does no longer. */
function leadsTo(
  maps: BalancerMaps,
  { destination }: TemplateReference,
  life: Int<"u64">,
  now: Int<"u32">,
): Int<"u32"> {
  const isGone = isOver(life, now).or(stateOf(life).eq(states.CLAIMED));
  const chosen = variable(u32(NO_DESTINATION));
  when(isGone.not(), () => {
    maps.destinations.lookup(destination).then(({ flags, weight }) => {
      const isRemoved = flags.and(destinationFlags.removed).ne(0);
      const isDown = flags.and(destinationFlags.down).ne(0);
      const isLeft = maps.settings.value.leaveQuiesced.ne(0).and(weight.eq(0)).or(isDown);
      when(isRemoved.or(isLeft).not(), () => chosen.set(destination));
    });
  });
  return chosen.get();
}

/** How new connections find and make templates. */
function choosing(at: Place) {
  const { maps, shape, family } = at;
  const { FlowKey, Connection, digit } = family;
  const { templates } = maps[family.name];

  /** The destination that the client of `flow` is bound to, or NO_DESTINATION. */
  const find = fn(
    `bound${digit}`,
    { flow: FlowKey, flags: u32, bits: u32, service: u32, now: u32 },
    u32,
    ({ flow, now, ...parts }) => {
      const template = templates.lookup(keyOf(family, flow, parts)).orReturn(NO_DESTINATION);
      return leadsTo(maps, template, template.life, now);
    },
    { isGlobal: true },
  );

  /**
   * Binds the client of `flow` to the destination of `connection`, whose template becomes this one. Where another CPU
   * has bound it meanwhile, its choice is taken over. Returns 0, or 1 where the table of templates is full. A
   * connection that meets a template while that is being ended or retired goes without one.
   */
  const bind = fn(
    `bind${digit}`,
    { flow: FlowKey, connection: Connection, now: u32 },
    u32,
    ({ flow, connection, now }) => {
      const { service } = maps.destinations.lookup(connection.destination).orReturn(1);
      const { persistenceTicks: periodTicks } = serviceAt(maps, service, 1);
      const parts = { flags: connection.serviceFlags.toU32(), bits: connection.maskBits.toU32(), service };
      const key = keyOf(family, flow, parts);
      // Where any packet may open a connection, it may be established at once.
      const isEstablished = isZero(stateOf(connection.life).xor(states.ESTABLISHED));
      const assurance = isEstablished.mul(ASSURED).toU64().shl(32);
      const follow = (template: TemplateReference, destination: Int<"u32">) => {
        hold(maps, template, { now, assurance }, () => {
          connection.template = template.serial;
          when(connection.destination.eq(destination), () => returnValue(0));
          connection.destination = destination;
          maps.destinations.lookup(destination).then((record) => aim(shape, connection, flow, record));
          returnValue(0);
        });
        returnValue(0);
      };
      templates.lookup(key).then((template) => {
        const { life } = template;
        const destination = leadsTo(maps, template, life, now);
        when(destination.ne(NO_DESTINATION), () => follow(template, destination));
        retire(at, { key, template, life }, now);
      });
      const { destination } = connection;
      // Odd numbers: 0 says that a connection has no template.
      const serial = atomic(maps.tallies.value, Tallies, "templateSerial").fetchAdd(2).or(1);
      const life = assurance.or(now.add(periodTicks)).add(ONE_CONTROLLED);
      const content = { life, destination, serial, periodTicks, reserved: 0 };
      countTemplates(maps, destination, u32(1));
      const outcome = templates.update(key, stack(Template, content, { share: "template" }), "create");
      when(outcome.eq(0), () => {
        connection.template = serial;
        returnValue(0);
      });
      countTemplates(maps, destination, u32(MINUS_ONE));
      when(outcome.ne(EXISTS), () => returnValue(1));
      templates.lookup(key).then((template) => {
        const destination = leadsTo(maps, template, template.life, now);
        when(destination.ne(NO_DESTINATION), () => follow(template, destination));
      });
      return u32(0);
    },
    { isGlobal: true },
  );

  return {
    find,
    /** Binds the client of a connection to a persistent service; `full` runs where the table of templates is full. */
    bind(flow: FlowReference, connection: ConnectionReference, now: Int<"u32">, full: () => void): void {
      when(connection.serviceFlags.and(serviceFlags.persistent).ne(0), () => {
        when(bind({ flow, connection, now }).ne(0), full);
      });
    },
  };
}

/**
 * A new connection under a template: its time starts again; of one that was only kept by connections, a brief one.
 * `done` runs unless the template is claimed, or other CPUs keep changing it.
 */
function hold(maps: BalancerMaps, template: TemplateReference, at: Holding, done: () => void): void {
  repeat(ATTEMPTS, (_, attempts) => {
    const { life, periodTicks } = template;
    when(stateOf(life).eq(states.CLAIMED), () => attempts.stop());
    const isBrief = maskFor(life.toU32().sub(at.now).sub(1).shr(31));
    const period = periodTicks.and(isBrief.xor(0xffff_ffff)).or(extension(maps).and(isBrief));
    const renewed = life.shr(32).shl(32).or(at.now.add(period)).or(at.assurance).add(ONE_CONTROLLED);
    when(atomic(template, Template, "life").compareExchange(life, renewed).eq(life), () => {
      template.periodTicks = period;
      done();
    });
  });
}

/** How a template is held. */
interface Holding {
  readonly now: Int<"u32">;
  /** What makes it assured, if it is to be. */
  readonly assurance: Int<"u64">;
}

/** A template, its key, and the life word that it had when it was looked at. */
interface Found {
  readonly key: KeyReference;
  readonly template: TemplateReference;
  readonly life: Int<"u64">;
}

/**
 * Takes a template that leads nowhere any more out of its client's way: to where no client finds it, until its time is
 * up. It is claimed first, so that one CPU does it, and its count of connections goes along exactly.
 */
function retire({ maps, family }: Place, { key, template, life }: Found, now: Int<"u32">): void {
  const { templates } = maps[family.name];
  const { destination, serial, periodTicks } = template;
  const forget = () => countTemplates(maps, destination, u32(MINUS_ONE));
  when(stateOf(life).ne(states.CLAIMED), () => {
    const claimed = life.or(CLAIM);
    when(atomic(template, Template, "life").compareExchange(life, claimed).eq(life), () => {
      when(isOver(life, now), forget).otherwise(() => {
        const copy = stack(Template, { life, destination, serial, periodTicks, reserved: 0 }, { share: "template" });
        const { client, service, port, protocol, index } = key;
        const content = { client, service, port, protocol, index };
        const elsewhere = stack(family.TemplateKey, content, { share: "disabled key" });
        disableKey(elsewhere, serial);
        when(templates.update(elsewhere, copy, "create").ne(0), forget);
        // Connections that ended since the copy was made are not in it.
        const ended = claimed.sub(atomic(template, Template, "life").exchange(MOVED)).shr(Number(CONTROLLED_SHIFT));
        templates.lookup(elsewhere).then((moved) => {
          atomic(moved, Template, "life").add(u64(0).sub(ended.shl(Number(CONTROLLED_SHIFT))));
        });
      });
      templates.delete(key);
    });
  });
}

/**
 * Runs `act` on the template of a connection where its client finds it, and if it is retired, which `act` tells, there.
 */
function withTemplate(
  { maps, family }: Place,
  flow: FlowReference,
  connection: ConnectionReference,
  act: (template: TemplateReference) => Bool,
): void {
  const { templates } = maps[family.name];
  maps.destinations.lookup(connection.destination).then(({ service }) => {
    const parts = { flags: connection.serviceFlags.toU32(), bits: connection.maskBits.toU32(), service };
    const isDone = variable(u32(0));
    const key = keyOf(family, flow, parts);
    templates.lookup(key).then((template) => {
      when(template.serial.eq(connection.template), () => {
        when(act(template).not(), () => isDone.set(u32(1)));
      });
    });
    when(isDone.get().eq(0), () => {
      disableKey(key, connection.template);
      templates.lookup(key).then((template) => void act(template));
    });
  });
}

/** What connections do to the template that they were opened under. */
function ofConnections(at: Place) {
  const { shape, family } = at;
  const { FlowKey, Connection, digit } = family;
  const parameters = { flow: FlowKey, connection: Connection };

  const letGo = (flow: FlowReference, connection: ConnectionReference): void =>
    withTemplate(at, flow, connection, (template) => {
      const before = atomic(template, Template, "life").fetchAdd(ONE_LESS_CONTROLLED);
      return before.shr(63).ne(0);
    });
  const released = fn(
    `release${digit}`,
    parameters,
    u32,
    ({ flow, connection }) => {
      letGo(flow, connection);
      return u32(0);
    },
    { isGlobal: true },
  );
  const assured = fn(
    `assure${digit}`,
    parameters,
    u32,
    ({ flow, connection }) => {
      withTemplate(at, flow, connection, (template) => {
        // A claimed one stays claimed: its state has all bits set.
        const before = atomic(template, Template, "life").fetchOr(ASSURANCE);
        return stateOf(before).eq(states.CLAIMED);
      });
      return u32(0);
    },
    { isGlobal: true },
  );

  /** A connection opened under a template is established: the template is worth keeping under attack. */
  const assure = (flow: FlowReference, connection: ConnectionReference): void => void assured({ flow, connection });
  const isUnderTemplate = ({ template }: ConnectionReference) => template.ne(0);

  return {
    assure,
    /** A connection opened by `flow`, maybe under a template, has ended. */
    release(flow: FlowReference, connection: ConnectionReference): void {
      if (!hasFeature(shape, "persistence")) return;
      when(isUnderTemplate(connection), () => void released({ flow, connection }), { isRare: true });
    },
    /** The same, in the function being built itself, whose frame has room for a key: no call, no frame of its own. */
    releaseHere(flow: FlowReference, connection: ConnectionReference): void {
      if (!hasFeature(shape, "persistence")) return;
      when(isUnderTemplate(connection), () => letGo(flow, connection), { isRare: true });
    },
    /** A server answered a UDP connection, opened by `flow`: that counts for its template as being established. */
    answered(protocol: Int<"u8">, connection: ConnectionReference, flow: () => FlowReference): void {
      if (!hasFeature(shape, "persistence")) return;
      const isFirst = connection.serviceFlags.and(ANSWERED).eq(0);
      when(
        isUnderTemplate(connection).and(protocol.eq(IPPROTO_UDP)).and(isFirst),
        () => {
          connection.serviceFlags = connection.serviceFlags.or(ANSWERED).toU8();
          assure(flow(), connection);
        },
        { isRare: true },
      );
    },
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
  const discard = fn(
    `forget${digit}`,
    { key: TemplateKey, now: u32, force: u32 },
    u32,
    ({ key, now, force }) => {
      const template = templates.lookup(key).orReturn(0);
      const life = template.life;
      const exchange = (becomes: Int<"u64">) => atomic(template, Template, "life").compareExchange(life, becomes);
      when(stateOf(life).eq(states.CLAIMED), () => returnValue(0));
      when(force.eq(0).and(isExpired(life, now).not()), () => returnValue(0));
      when(force.eq(0).and(controlledOf(life).ne(0)), () => {
        template.periodTicks = extension(maps);
        exchange(
          life
            .shr(32)
            .shl(32)
            .or(life.toU32().add(extension(maps))),
        );
        returnValue(0);
      });
      when(exchange(life.or(CLAIM)).ne(life), () => returnValue(0));
      countTemplates(maps, template.destination, u32(MINUS_ONE));
      templates.delete(key);
      return u32(1);
    },
    { isGlobal: true },
  );

  return { discard };
}

/** The mask for one word of an address of which `bits` bits are kept, in host order. */
function maskWord({ words }: Family, bits: Int<"u32">, word: number): Int<"u32"> {
  // Bits of this word that are not kept: 32 × (word + 1) − bits, within 0 … 32.
  let dropped = u32(32 * (word + 1)).sub(bits);
  if (words > 1) {
    dropped = dropped.and(maskFor(dropped.shr(31)).xor(0xffff_ffff));
    const isAbove = u32(32).sub(dropped).shr(31);
    dropped = dropped.and(maskFor(isAbove).xor(0xffff_ffff)).or(isAbove.shl(5));
  }
  // 64-bit arithmetic: a shift by 32 of a 32-bit number would be one by 0.
  return u32(0xffff_ffff).toU64().shl(dropped.toU64()).toU32();
}

export type TemplateFunctions = ReturnType<typeof templateFunctions>;
