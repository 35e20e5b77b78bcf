// Runs packet scenarios on a host and compares. A failure says which packet, what differs field by field,
// and where a capture with packets in, out and wanted lies.

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BpfHost } from "@yardmaster/ebpf";
import { buildPcapng, checksumProblems, describeFrame, diffFrames } from "@yardmaster/packet";
import { afterAll, describe, expect, test } from "vitest";
import type { Balancer, Sent } from "../harness.ts";
import { withoutChance } from "../reference/icmp-error.ts";
import { Stage } from "../stage.ts";
import { networkOffset } from "../tc-host.ts";
import { ofClamp } from "./clamp.ts";
import { ofClientOptions } from "./client-options.ts";
import { crossing } from "./crossing.ts";
import { direct, ownDirect } from "./direct.ts";
import { ofFragments } from "./fragments.ts";
import { ofHeld } from "./held.ts";
import { ofIcmp } from "./icmp.ts";
import { leftAlone, ownLeftAlone } from "./left-alone.ts";
import type { PacketScenario, PacketStep } from "./scenario.ts";
import { ofStrays } from "./strays.ts";
import { ownTranslation, translation } from "./translation.ts";
import { ofTunnels } from "./tunnel.ts";
import { wires } from "./wire.ts";

const groups: readonly (readonly [name: string, scenarios: readonly PacketScenario[]])[] = [
  ...wires.map((wire) => {
    return [
      `over ${wire.family}`,
      [
        ...translation(wire),
        ...direct(wire),
        ...ofIcmp(wire),
        ...ofFragments(wire),
        ...ofTunnels(wire),
        ...ofStrays(wire),
        ...ofHeld(wire),
        ...ofClientOptions(wire),
        ...ofClamp(wire),
        ...leftAlone(wire),
      ],
    ] as const;
  }),
  ["between families", crossing],
  ["of one family", [...ownTranslation, ...ownDirect, ...ownLeftAlone]],
];

/** `of one program`: those that need no program of their own, on the one for both families that most of them share. */
type Extent = "all" | "of one program";

/** Registers a test for each scenario that this kind of host can run. */
export function describeScenarios(createHost: () => BpfHost, extent: Extent = "all"): void {
  const { kind } = createHost();
  const stage = new Stage(createHost);
  afterAll(() => stage[Symbol.dispose]());
  describe.each(groups)("%s", (_name, scenarios) => {
    const possible = scenarios.filter(({ onlyInMemory }) => kind === "memory" || onlyInMemory === undefined);
    const chosen = extent === "all" ? possible : possible.flatMap(ofOneProgram);
    test.each(chosen)("$name", (scenario) => {
      const balancer = stage.balancerFor(scenario.plan);
      scenario.steps.forEach((step, index) => runStep(balancer, scenario, step, index));
    });
  });
}

/** A scenario on the program of most of them, or nothing where it needs another one. */
function ofOneProgram({ plan, ...rest }: PacketScenario): PacketScenario[] {
  if (plan.shape?.features !== undefined || plan.sendBack !== undefined) return [];
  // To that program no family is another protocol.
  if (rest.steps.some(({ reason }) => reason === "otherProtocol")) return [];
  return [{ ...rest, plan: { ...plan, shape: { ...plan.shape, families: ["ipv4", "ipv6"] } } }];
}

function runStep(balancer: Balancer, scenario: PacketScenario, step: PacketStep, index: number): void {
  const isTestRunAtTc = balancer.shape.hook === "tc" && balancer.host.kind === "kernel";
  // The kernel's test run of socket buffers wants whole IP headers (bpf_prog_test_run_skb, net/bpf/test_run.c).
  if (isTestRunAtTc && step.in.length < networkOffset(step.in) + (step.in[12] === 0x08 ? 20 : 40)) return;
  if (step.after !== undefined) balancer.advance(step.after);
  const before = balancer.verdicts();
  const sent = balancer.send(step.in);
  const problem = problemOf(step, sent);
  if (problem !== undefined) throw new Error(report(scenario, step, sent, `packet ${index + 1}: ${problem}`));
  const after = balancer.verdicts();
  const expected = step.reason === undefined ? before : { ...before, [step.reason]: (before[step.reason] ?? 0) + 1 };
  expect(after).toEqual(expected);
  const isForwarded = sent.verdict === "tx" || sent.verdict === "redirect";
  if (isForwarded && checksumProblems(step.in).length === 0) expect(checksumProblems(sent.frame)).toEqual([]);
}

function problemOf(step: PacketStep, sent: Sent): string | undefined {
  const { verdict, reason } = step;
  const isSame = sent.verdict === verdict || (sent.isSomewhere === true && verdict === "redirect");
  if (!isSame) return `verdict ${sent.verdict}, not ${verdict}${reason === undefined ? "" : ` (${reason})`}`;
  // What a dropped packet looks like is nobody's concern.
  const wanted = step.out ?? step.in;
  // tc in the kernel: a tag that was pushed is beside the frame, and the test run does not tell of it.
  const visible = sent.isSomewhere === true && networkOffset(sent.frame) < networkOffset(wanted);
  const difference =
    verdict === "drop" ? "" : diffFrames(visible ? withoutTag(wanted) : wanted, withoutChance(sent.frame, step.in));
  if (difference !== "") return difference;
  const { ifindex } = step;
  if (ifindex === undefined || sent.redirectIfindex === undefined || sent.redirectIfindex === ifindex) return undefined;
  return `redirected to interface ${sent.redirectIfindex}, not ${ifindex}`;
}

function withoutTag(frame: Uint8Array): Uint8Array {
  return Uint8Array.of(...frame.subarray(0, 12), ...frame.subarray(16));
}

function report(scenario: PacketScenario, step: PacketStep, sent: Sent, problem: string): string {
  const wanted = step.out ?? step.in;
  const path = join(mkdtempSync(join(tmpdir(), "yardmaster-packets-")), "packets.pcapng");
  const interfaces = [{ name: "in" }, { name: "wanted" }, { name: "got" }];
  const packets = [step.in, wanted, sent.frame].map((bytes, index) => ({
    interface: index,
    timestampNs: BigInt(index),
    bytes,
  }));
  writeFileSync(path, buildPcapng({ interfaces, packets }));
  return [
    `${scenario.name}: ${problem}`,
    `in: ${describeFrame(step.in)}`,
    `wanted: ${describeFrame(wanted)}`,
    `got: ${describeFrame(sent.frame)}`,
    `capture: ${path}`,
  ].join("\n");
}
