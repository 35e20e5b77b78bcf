// The whole data plane again in plain TypeScript, from the documents and not from the programs: what any
// balancer of this design must do to a sequence of packets. Slow, obvious, and the judge.

import type { FamilyName, ReasonName } from "../../src/index.ts";
import { familyOf, shapeOf } from "../compiled.ts";
import {
  type BalancerPlan,
  clientHop,
  director,
  type SettingsPlan,
  type Thresholds,
  TICKS_PER_SECOND,
} from "../plan.ts";
import { Admission } from "./admission.ts";
import { count, type Destination, directionOf, discount, isStray, recount, setThresholds } from "./destination.ts";
import { answerFlow, type Flow, key, replyFlow } from "./flows.ts";
import { errorFor, type Fate, forward, refusalOf, resetFor, strayAnswer } from "./forward.ts";
import { candidates, type LocalEnd, takenTowards } from "./local-ports.ts";
import { isHeld } from "./held.ts";
import { echoReply, type Quoted, readIcmp } from "./icmp.ts";
import { clamped, type Clamping } from "./clamp.ts";
import { errorFate, type Followed, fragmentFate } from "./follow.ts";
import { crossingReply, crossingRequest, type Translation } from "./crossing-fate.ts";
import { FragmentMemory } from "./fragments.ts";
import {
  createServices,
  countHandshake,
  entriesOf,
  firstState,
  halfOpenOf,
  type Opened,
  type OpeningPacket,
  opensTcp,
  PASSING,
  type ReferenceConnection,
  type Service,
  UNSEEN_SECONDS,
  type Visit,
} from "./reference-connection.ts";
import { type ReadFrame, type ReadPacket, readPacket, readTransport } from "./read-frame.ts";
import { translated } from "./rewrite.ts";
import { cleaned, hear, type Telling, toldIn } from "./told.ts";
import { tunnelled } from "./tunnel.ts";
import { after, type Direction, isHalfOpen, SECONDS } from "./tcp-machine.ts";
import { type Binding, type Reaped, type Template, Templates } from "./templates.ts";

export type { ReferenceConnection, Service } from "./reference-connection.ts";

export class ReferenceBalancer {
  readonly plan: BalancerPlan;
  readonly services: readonly Service[];
  readonly destinations: readonly Destination[];
  readonly reasons = new Map<ReasonName, number>();
  readonly templates: Readonly<Record<FamilyName, Templates>>;
  settings: SettingsPlan;
  now: number;
  #serials = 0;
  /** Packets that would have opened a connection. */
  #openings = 0;
  readonly #answering = new Admission();
  readonly #fragments = new FragmentMemory();
  /** Whether servers are told who their clients are. */
  readonly #telling: Telling;
  readonly #isClamping: boolean;
  readonly #families: readonly FamilyName[];
  readonly #capacity: number;
  readonly #connections = new Map<string, ReferenceConnection>();
  /** By the server's flow: translated connections again, where the server tells no service. */
  readonly #replies = new Map<string, ReferenceConnection>();
  /** The same where it does: these take no room in the table. */
  readonly #answers = new Map<string, ReferenceConnection>();
  /** The same of full NAT, in a table of its own. */
  readonly #locals = new Map<string, ReferenceConnection>();

  constructor(plan: BalancerPlan, hook: "xdp" | "tc" = "xdp") {
    this.plan = { ...plan, shape: { ...plan.shape, hook } };
    this.now = plan.now ?? 1000;
    this.settings = plan.settings ?? {};
    const { families, maximumConnections, features } = shapeOf(plan);
    this.#telling = { isOn: features.includes("toa"), place: hook === "xdp" ? "first" : "last" };
    this.#isClamping = features.includes("mssClamp");
    this.#families = families;
    this.#capacity = maximumConnections;
    this.templates = { ipv4: new Templates(maximumConnections), ipv6: new Templates(maximumConnections) };
    this.services = createServices(plan);
    this.destinations = this.services.flatMap(({ destinations }) => destinations);
  }

  #room = (address: string) => this.#capacity - entriesOf(familyOf(address), this.#connections, this.#replies);

  get #planNow(): BalancerPlan {
    return { ...this.plan, settings: this.settings };
  }

  get #clamping(): Clamping {
    return { isOn: this.#isClamping, largest: this.settings.mssClamp ?? 0, toClients: clientHop(this.plan).mtu };
  }

  get connections(): readonly ReferenceConnection[] {
    return [...this.#connections.values()];
  }

  get allTemplates(): readonly Template[] {
    return [...this.templates.ipv4.all, ...this.templates.ipv6.all];
  }

  halfOpen({ index }: Service): number {
    return halfOpenOf(index, this.connections);
  }

  setWeights(index: number, weights: readonly number[]): void {
    const service = this.services[index] as Service;
    service.destinations.forEach((destination, at) => {
      destination.weight = weights[at] ?? 0;
      if (destination.weight > 0) destination.lastWeight = destination.weight;
    });
    service.picker.changed(service.list);
  }

  setThresholds(index: number, thresholds: Thresholds): void {
    setThresholds(this.destinations[index] as Destination, thresholds);
  }

  /** Removed ones leave the list; put back, they come to its front. */
  setRemoved(index: number, state: "removed" | "listed"): void {
    const destination = this.destinations[index] as Destination;
    const service = this.services[destination.service] as Service;
    destination.isAvailable = state === "listed";
    const others = service.list.filter((other) => other !== destination);
    service.list = destination.isAvailable ? [destination, ...others] : others;
    service.picker.changed(service.list);
  }

  /** Ends connections that have expired, and maybe those of removed destinations. */
  reap(of: Reaped = "expired"): number {
    const ending = this.connections.filter((connection) => {
      return this.#isExpired(connection) || (of === "ofRemoved" && !connection.destination.isAvailable);
    });
    for (const connection of ending) this.#end(connection);
    return ending.length;
  }

  /** Ends templates that have, or extends them; and maybe those of removed destinations that nothing keeps. */
  reapTemplates(of: Reaped = "expired"): number {
    return this.templates.ipv4.reap(this.now, of) + this.templates.ipv6.reap(this.now, of);
  }

  send(frame: Uint8Array): Fate {
    const fate = this.#fateOf(frame);
    if (fate.verdict === "pass" || fate.verdict === "drop") {
      this.reasons.set(fate.reason, (this.reasons.get(fate.reason) ?? 0) + 1);
    }
    return fate;
  }

  #fateOf(frame: Uint8Array): Fate {
    const pass = (reason: ReasonName): Fate => ({ verdict: "pass", frame, reason });
    const packet = readPacket(frame, this.plan.macs ?? [director.mac], this.#families);
    if (typeof packet === "string") return pass(packet);
    const { fragment, next } = packet;
    if (fragment?.isLater === true) return this.#laterFragment(frame, packet);
    if (fragment !== undefined && next !== 6 && next !== 17) return pass("fragment");
    const transport = readTransport(frame, packet);
    if (transport === "notTcpOrUdp") return this.#icmp(frame, packet);
    if (typeof transport === "string") return pass(transport);
    const read = { ...packet, ...transport };
    const replying = this.#replies.get(key(read));
    if (replying !== undefined) return this.#reply(frame, read, replying);
    const known = this.#connections.get(key(read));
    const answered = this.#locals.get(key(read)) ?? this.#answers.get(key(read));
    if (known !== undefined && !this.#isExpired(known)) {
      const visit = this.#revisit(known, read);
      if (visit === "destinationRemoved") return { verdict: "drop", reason: visit };
      if (visit === "reset") return this.#answer(() => resetFor(frame, read));
      if (visit === "goes on") {
        this.#see(known, directionOf(known.destination), read.flags);
        return this.#request(frame, read, known);
      }
      known.expiresAt = this.now;
    }
    if (answered !== undefined) return this.#reply(frame, read, answered);
    if (isHeld(this.#planNow, this, read, this.#serviceFor(read))) return { verdict: "drop", reason: "held" };
    if (this.settings.natIcmpSend === true && isStray(this.destinations, read)) {
      return this.#answer(() => strayAnswer(this.plan, frame, read));
    }
    const opened = this.#open(read);
    if (typeof opened !== "string") return this.#request(frame, read, opened);
    if (opened === "noDestination" && this.settings.refusesByIcmp === true) return this.#refusal(frame, read);
    return PASSING.includes(opened) ? { verdict: "pass", frame, reason: opened } : { verdict: "drop", reason: opened };
  }

  /** Behaviour reference §7: reuse of a port, and what becomes of connections of a removed server. */
  #revisit({ destination, state, template }: ReferenceConnection, { protocol, flags }: ReadFrame): Visit {
    const { reuseMode = 0, onRemoval = "drop" } = this.settings;
    const isSyn = (flags & 2) !== 0;
    if (isSyn && isHalfOpen(state)) destination.handshakes.repeated += 1;
    const reschedules = onRemoval === "reschedule";
    if (isSyn && reschedules && destination.weight === 0) return "superseded";
    if (isSyn && destination.isDown && state !== "ES") return "superseded";
    if (isSyn && reuseMode !== 0 && template === undefined) {
      if (state === "TW" || state === "CL") return "superseded";
      if ((reuseMode & 2) !== 0 && state === "FW" && directionOf(destination) === "in-only") return "superseded";
    }
    if (destination.isAvailable) return "goes on";
    if (reschedules) return "superseded";
    return onRemoval === "reset" && protocol === "tcp" && (flags & 4) === 0 ? "reset" : "destinationRemoved";
  }

  /** Port unreachable; where only a mark makes an IPv4 address the director's, it has none to say so from. */
  #refusal(frame: Uint8Array, read: ReadFrame): Fate {
    const isByMark = this.#serviceFor(read)?.plan.persistence?.covers === "mark";
    if (isByMark && familyOf(read.source) === "ipv4") return { verdict: "drop", reason: "silentRefusal" };
    return this.#answer(() => refusalOf(frame, read));
  }

  #serviceFor(read: Flow): Service | undefined {
    return this.services.find(({ endpoints }) =>
      endpoints.some(
        ({ address, port, protocol }) =>
          address === read.destination && port === read.destinationPort && protocol === read.protocol,
      ),
    );
  }

  /** A packet of the director's own, as long as there are not too many. */
  #answer(make: () => Uint8Array | Fate): Fate {
    const { answersPerSecond = 1000 } = this.settings;
    if (!this.#answering.allows(this.now, answersPerSecond)) return { verdict: "drop", reason: "tooManyAnswers" };
    const made = make();
    return "verdict" in made ? made : { verdict: this.plan.sendBack ?? "tx", frame: made };
  }

  /** Pings are answered, errors follow the connection that they are about. */
  #icmp(frame: Uint8Array, read: ReadPacket): Fate {
    const icmp = readIcmp(frame, read);
    const pass = (reason: ReasonName): Fate => ({ verdict: "pass", frame, reason });
    if (icmp === "echo") {
      const isVirtual = this.services.some((of) => of.endpoints.some(({ address }) => address === read.destination));
      if (!isVirtual || this.settings.pingVip === false) return pass("notTcpOrUdp");
      return { verdict: this.plan.sendBack ?? "tx", frame: echoReply(frame, read) };
    }
    if (typeof icmp === "string") return pass(icmp);
    if (icmp.source !== read.destination) return pass("icmpWithoutConnection");
    const { protocol, source: destination, sourcePort: destinationPort } = icmp;
    const { destination: source, destinationPort: sourcePort } = icmp;
    const flow = { protocol, source, sourcePort, destination, destinationPort };
    const followed = this.#follow(flow);
    // Not where a server's packets of the flow are replies, whose connection's time is up.
    const isAnswer = [this.#replies, this.#locals, this.#answers].some((leads) => leads.has(key(flow)));
    if (followed === undefined && this.settings.scheduleIcmp === true && !isAnswer) {
      return this.#openByError(frame, read, icmp, flow);
    }
    if (followed === undefined) return pass("icmpWithoutConnection");
    return errorFate(this.#planNow, frame, read, icmp, followed);
  }

  /** An error about no connection opens the one that a packet of its flow would. */
  #openByError(frame: Uint8Array, read: ReadPacket, icmp: Quoted, flow: Flow): Fate {
    const opened = this.#open({ ...flow, flags: "by error" });
    if (typeof opened !== "string")
      return errorFate(this.plan, frame, read, icmp, { to: "server", connection: { ...opened, flow } });
    if (opened === "noService") return { verdict: "pass", frame, reason: "icmpWithoutConnection" };
    const isSilent = opened === "noDestination" && this.settings.refusesByIcmp === true;
    if (isSilent) return { verdict: "drop", reason: "silentRefusal" };
    return PASSING.includes(opened) ? { verdict: "pass", frame, reason: opened } : { verdict: "drop", reason: opened };
  }

  /** Whose a packet of this flow is, and on which way; nothing is opened or changed. */
  #follow(flow: Flow): Followed | undefined {
    const text = key(flow);
    const replying = this.#replies.get(text);
    const known = this.#connections.get(text);
    if (replying === undefined && known !== undefined && !this.#isExpired(known)) {
      return { to: "server", connection: known };
    }
    const answering = replying ?? this.#locals.get(text) ?? this.#answers.get(text);
    if (answering === undefined || this.#isExpired(answering)) return undefined;
    return { to: "client", connection: answering };
  }

  /** A fragment without ports goes where the first of its datagram went. */
  #laterFragment(frame: Uint8Array, read: ReadPacket): Fate {
    const first = this.#fragments.firstOf(read, this.now);
    const { source, destination } = read;
    const protocol = read.next === 6 ? "tcp" : "udp";
    const followed = first && this.#follow({ protocol, source, destination, ...first });
    if (followed === undefined) return { verdict: "pass", frame, reason: "fragment" };
    return fragmentFate(this.#planNow, frame, read, followed);
  }

  #request(frame: Uint8Array, read: ReadFrame, connection: Opened): Fate {
    this.#fragments.remember(read, read, this.now);
    const { destination, local } = connection;
    if (local !== undefined && familyOf(local.address) !== familyOf(read.source)) {
      return crossingRequest(this.#translation, clamped(this.#clamping, frame, read, destination), read, connection);
    }
    destination.traffic.packetsIn += 1;
    destination.traffic.bytesIn += read.totalLength;
    const { hop, tunnel } = destination;
    if (tunnel?.source === "none") return { verdict: "drop", reason: "noTunnelSource" };
    const lowered = clamped(this.#clamping, frame, read, destination);
    const error = errorFor(lowered, read, hop, tunnel !== undefined && this.settings.pathMtuDiscovery === false);
    if (error !== undefined) return this.#answer(() => error);
    const clean = cleaned(this.#telling.isOn, lowered, read, connection);
    if (destination.method === "dr") return forward(this.plan, clean, read, hop, "directExceedsMtu");
    if (destination.method === "tun") return tunnelled(this.#planNow, clean, read, destination);
    const changed = translated(clean, read, "destination", destination.address, destination.port);
    if (local === undefined) return forward(this.plan, changed, read, destination.hop, "exceedsMtu");
    const both = translated(changed, read, "source", local.address, local.port);
    if (read.totalLength > destination.hop.mtu) return { verdict: "drop", reason: "localExceedsMtu" };
    const told = toldIn(this.#telling, both, read, connection);
    if (told === undefined) return forward(this.plan, both, read, destination.hop, "localExceedsMtu");
    if ("state" in connection) (connection as ReferenceConnection).isTold = true;
    return forward(this.plan, told.bytes, told.read, destination.hop, "localExceedsMtu");
  }

  #reply(frame: Uint8Array, read: ReadFrame, connection: ReferenceConnection): Fate {
    const { flow } = connection;
    if (familyOf(flow.source) !== familyOf(read.source)) {
      const heard = (bytes: Uint8Array) => this.#hearReply(bytes, read, connection);
      return crossingReply(this.#translation, frame, read, { connection, heard });
    }
    if (this.#isExpired(connection)) return { verdict: "pass", frame, reason: "replyWithoutConnection" };
    this.#hearReply(frame, read, connection);
    this.#fragments.remember(read, read, this.now);
    const lowered = clamped({ ...this.#clamping, tells: this.#telling.isOn }, frame, read, connection.destination);
    const fromService = translated(lowered, read, "source", flow.destination, flow.destinationPort);
    const changed =
      connection.local === undefined
        ? fromService
        : translated(fromService, read, "destination", flow.source, flow.sourcePort);
    return forward(this.plan, changed, read, clientHop(this.plan), "exceedsMtu");
  }

  get #translation(): Translation {
    const answer = (error: Uint8Array) => this.#answer(() => error);
    return { plan: this.plan, telling: this.#telling, answer, isExpired: (of) => this.#isExpired(of) };
  }

  /** What a server's packet does to its connection and to what is counted. */
  #hearReply(frame: Uint8Array, read: ReadFrame, connection: ReferenceConnection): void {
    this.#see(connection, "out", read.flags);
    const { destination, template, flow } = connection;
    if (flow.protocol === "udp" && template !== undefined) template.isAssured = true;
    destination.traffic.packetsOut += 1;
    destination.traffic.bytesOut += read.totalLength;
    hear(connection, read, frame);
  }

  #open(read: OpeningPacket): Opened | ReasonName {
    const service = this.#serviceFor(read);
    if (service === undefined) return "noService";
    const refused = this.#refuses(service, read);
    if (refused !== undefined) return refused;
    const { persistence, onePacket } = service.plan;
    const to = { address: read.destination, port: read.destinationPort, protocol: read.protocol };
    const binding = persistence && { client: read.source, service: service.index, to, persistence };
    const opening = { client: read.source, clientPort: read.sourcePort, destination: read.destination, now: this.now };
    const templates = this.templates[familyOf(read.source)];
    const bound = binding && templates.find(binding, this.now, this.settings);
    const destination = bound ?? service.picker.pick(opening);
    if (destination === undefined) return "noDestination";
    const template = binding && this.#bind(templates, binding, destination);
    if (binding !== undefined && template === undefined) return "templatesFull";
    const direction = directionOf(destination);
    const state = firstState(read, direction, this.settings.rules);
    if (template !== undefined && state === "ES") template.isAssured = true;
    const isLocal = destination.method === "fullnat";
    if (onePacket === true && read.protocol === "udp" && !isLocal) {
      if (template !== undefined) template.controlled -= 1;
      destination.scheduled += 1;
      return { destination, local: undefined, hasSpoken: false };
    }
    const local = isLocal ? this.#localEndFor(read, destination) : undefined;
    if (typeof local === "string") {
      if (template !== undefined) template.controlled -= 1;
      return local;
    }
    const seconds = read.flags === "by error" ? UNSEEN_SECONDS : SECONDS[state];
    return this.#insert(read, {
      destination,
      template,
      state,
      local,
      expiresAt: this.now + seconds * TICKS_PER_SECOND,
    });
  }

  /** The first end that is free towards the server; where none is, the first that an expired connection has. */
  #localEndFor(read: Flow, destination: Destination): LocalEnd | ReasonName {
    const answer = (local: LocalEnd) => key(answerFlow({ ...read, destination, local }));
    for (const attempt of ["first", "second"]) {
      const ends = [...candidates(this.plan, read, this.now % 2 ** 32, destination.address)];
      const free = ends.find((local) => !this.#locals.has(answer(local)));
      if (free !== undefined) return takenTowards(this.#locals, destination) < this.#capacity ? free : "tableFull";
      const expired = ends
        .map((local) => this.#locals.get(answer(local)))
        .find((of) => of && familyOf(of.flow.source) === familyOf(read.source) && this.#isExpired(of));
      if (expired === undefined || attempt === "second") return "localPortsExhausted";
      this.#end(expired);
    }
    return "localPortsExhausted";
  }

  #bind(templates: Templates, binding: Binding, destination: Destination): Template | undefined {
    const serial = (): number => {
      this.#serials += 1;
      return 2 * this.#serials - 1;
    };
    return templates.bind(binding, destination, { now: this.now, settings: this.settings, serial });
  }

  /** Why a packet may not open a connection, in the order of behaviour reference §2; then caps. */
  #refuses(service: Service, { protocol, flags, sourcePort }: OpeningPacket): ReasonName | undefined {
    const { sloppyTcp, refuseSourcePort20, dropRate = 0 } = this.settings;
    const isByError = flags === "by error";
    const opens = protocol === "udp" || isByError || opensTcp(flags, sloppyTcp);
    if (!opens) return "notOpening";
    if (dropRate > 0 && this.#openings++ % dropRate === 0) return "shed";
    if (refuseSourcePort20 === true && sourcePort === 20) return "sourcePort20";
    const { halfOpenMaximum = 0, newPerSecond = 0 } = service.plan;
    if (halfOpenMaximum > 0 && this.halfOpen(service) >= halfOpenMaximum) return "tooManyHalfOpen";
    if (newPerSecond > 0 && !service.admission.allows(this.now, newPerSecond)) return "tooManyNew";
    return undefined;
  }

  #insert(
    { protocol, source, sourcePort, destination: address, destinationPort }: Flow,
    described: Pick<ReferenceConnection, "destination" | "template" | "state" | "local" | "expiresAt">,
  ): Opened | ReasonName {
    const { destination, state } = described;
    const flow: Flow = { protocol, source, sourcePort, destination: address, destinationPort };
    const marks = { isTold: false, hasSpoken: false };
    const connection = { ...described, ...marks, flow };
    // Counted first; what stood in its place was told to end, and does so now.
    count(destination, state);
    const before = this.#connections.get(key(flow));
    if (before !== undefined) this.#end(before);
    this.#connections.set(key(flow), connection);
    const problem = this.#room(source) >= 0 ? this.#insertAnswer(connection) : "tableFull";
    if (problem !== undefined) {
      this.#end(connection);
      return problem;
    }
    destination.scheduled += 1;
    if (isHalfOpen(state)) destination.handshakes.begun += 1;
    return connection;
  }

  /** Makes a connection's replies lead to it. */
  #insertAnswer(connection: ReferenceConnection): ReasonName | undefined {
    const { destination, flow } = connection;
    if (directionOf(destination) === "in-only") return undefined;
    const answer = key(replyFlow(connection));
    if (connection.local !== undefined) {
      this.#locals.set(answer, connection);
      return undefined;
    }
    if (!destination.needsReplyEntry) {
      this.#answers.set(answer, connection);
      return undefined;
    }
    const other = this.#replies.get(answer) ?? this.#answers.get(answer);
    if (other !== undefined && this.#isExpired(other)) this.#end(other);
    else if (other !== undefined || this.#connections.has(answer)) return "replyFlowTaken";
    this.#replies.set(answer, connection);
    return this.#room(flow.source) >= 0 ? undefined : "tableFull";
  }

  /** A timer is set anew when the state changes, or once it would move by as much as the settings say. */
  #see(connection: ReferenceConnection, direction: Direction, flags: number): void {
    const { rules, renewalTicks = TICKS_PER_SECOND } = this.settings;
    const next = after(connection.state, direction, flags, rules);
    const expiresAt = this.now + SECONDS[next] * TICKS_PER_SECOND;
    const moved = expiresAt - connection.expiresAt;
    if (next === connection.state && moved >= 0 && moved < renewalTicks) return;
    const { destination, state, template } = connection;
    recount(destination, state, next);
    countHandshake(destination, [state, next], direction === "out" && (flags & 4) !== 0);
    if (next === "ES" && state !== "ES" && template !== undefined) template.isAssured = true;
    connection.state = next;
    connection.expiresAt = expiresAt;
  }

  #isExpired({ expiresAt }: ReferenceConnection): boolean {
    return expiresAt <= this.now;
  }

  #end(connection: ReferenceConnection): void {
    const { destination, state, template, flow } = connection;
    discount(destination, state);
    if (template !== undefined) template.controlled -= 1;
    if (this.#connections.get(key(flow)) === connection) this.#connections.delete(key(flow));
    const answer = key(replyFlow(connection));
    for (const leads of [this.#replies, this.#answers, this.#locals])
      if (leads.get(answer) === connection) leads.delete(answer);
  }
}
