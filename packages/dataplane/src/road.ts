// The whole road, one for each address family of the shape: the functions of its stations, made once in a program and
// in the order in which they need each other.

import { type Answer, answerFunction } from "./answer/answer.ts";
import { type SendToServer, sendToServerFunction } from "./answer/send-to-server.ts";
import { connectionFunctions, type ConnectionFunctions } from "./connection.ts";
import { type Crossing, crossingOf } from "./crossing/functions.ts";
import { families, type Family, type FamilyName, otherFamily } from "./family.ts";
import type { Follow } from "./follow-flow.ts";
import { type RememberFragment, rememberFragment } from "./fragment/remember.ts";
import { fragmentRoad } from "./fragment/travel-fragment.ts";
import { holdFunction, type IsHeld } from "./hold.ts";
import { icmpRoad } from "./icmp/travel-icmp.ts";
import { askRoutingFunction } from "./next-hop.ts";
import { type Clamp, clampOf, lowerFunction } from "./forward/clamp.ts";
import { wrapping } from "./forward/encapsulate/wrap.ts";
import type { EditOptions } from "./forward/tcp-options.ts";
import { type AnswerProbe, answerProbeFunction } from "./probe/answer-probe.ts";
import { type OpenConnection, openFunction } from "./open.ts";
import { revisitFunction } from "./revisit.ts";
import { scheduleFunction } from "./schedule/choose.ts";
import type { BalancerMaps } from "./schema.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";
import { type IsStray, strayFunction } from "./stray.ts";
import type { SendingRoad } from "./sending.ts";
import { sendTaggedFunction } from "./transmit.ts";

/** What the stations of one program share, for the packets of one family. */
export interface Road extends SendingRoad {
  readonly connections: ConnectionFunctions;
  readonly open: OpenConnection;
  readonly revisit: ReturnType<typeof revisitFunction>;
  readonly isStray: IsStray;
  readonly isHeld: IsHeld;
  readonly sendToServer: SendToServer;
  readonly answer: Answer;
  readonly answerProbe: AnswerProbe;
  /** Of packets that are neither TCP nor UDP. */
  readonly icmp: Follow;
  /** Of fragments; first ones come back from it. */
  readonly fragment: Follow;
  /** Of packets that change their address family; where the shape has such. */
  readonly crossing: Crossing | undefined;
  readonly remember: RememberFragment;
  /** Absent: SYNs announce what they like. */
  readonly clamp: Clamp | undefined;
}

/** The functions that packets of both families need, once in a program. */
interface CommonFunctions extends Pick<SendingRoad, "askRouting" | "sendTagged"> {
  readonly schedule: ReturnType<typeof scheduleFunction>;
  /** Of the families of the shape. */
  readonly connectionsOf: Partial<Readonly<Record<FamilyName, ConnectionFunctions>>>;
  readonly lower: EditOptions | undefined;
}

export function commonFunctions(maps: BalancerMaps, shape: BalancerShape): CommonFunctions {
  const connections = shape.families.map((name) => [name, connectionFunctions(maps, shape, families[name])] as const);
  return {
    connectionsOf: Object.fromEntries(connections),
    askRouting: askRoutingFunction(maps),
    sendTagged: sendTaggedFunction(shape),
    schedule: scheduleFunction(maps, shape),
    lower: lowerFunction(maps, shape),
  };
}

/** The road of a family. */
export function roadOf(
  maps: BalancerMaps,
  shape: BalancerShape,
  family: Family,
  { schedule, connectionsOf, lower, ...common }: CommonFunctions,
): Road {
  const connections = connectionsOf[family.name];
  const others = connectionsOf[otherFamily(family).name];
  if (connections === undefined) throw new Error(`the shape has no ${family.name}`);
  const open = openFunction(maps, shape, family, { connections, schedule });
  const revisit = revisitFunction(maps, family, connections);
  const sending = { ...common, maps, shape, family, wrap: wrapping(maps, shape, family) };
  const [icmp, fragment] = [icmpRoad(sending, open), fragmentRoad(sending)];
  const [answer, isStray] = [answerFunction(sending), strayFunction(maps, family)];
  const remember = rememberFragment(maps, family);
  const isHeld = holdFunction(maps, shape, family);
  const [sendToServer, answerProbe] = [sendToServerFunction(sending), answerProbeFunction(sending)];
  const crosses = hasFeature(shape, "translatedFamilies") && others !== undefined;
  const crossing = crosses ? crossingOf(sending, others) : undefined;
  const clamp = clampOf({ ...common, maps, shape, family }, lower);
  const own = { connections, open, revisit, isStray, isHeld, sendToServer, answer, answerProbe, icmp, fragment };
  return { ...sending, ...own, remember, clamp, crossing };
}
