// `npm run fuzz`: compares interpreter and kernel on as many random programs as asked for.
//   --seed N    the first program (default: a new one each time)
//   --count N   how many (default: 10000)

import { parseArgs } from "node:util";
import { bpfAccessProblem, createKernelHost, isKernelAtLeast } from "../../src/kernel/index.ts";
import { createMemoryHost } from "../../src/vm/index.ts";
import { compareHosts, describeDisagreement } from "./compare-hosts.ts";

const DEFAULT_COUNT = 10_000;
/** Programs between two signs of life. */
const STEP = 1000;

function readNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`fuzz: --${name} "${text}": not a whole number\n`);
  process.exit(2);
}

function main(): number {
  const { values } = parseArgs({ options: { seed: { type: "string" }, count: { type: "string" } } });
  const firstSeed = readNumber("seed", values.seed, Math.floor(Math.random() * 1e9));
  const count = readNumber("count", values.count, DEFAULT_COUNT);
  const problem = bpfAccessProblem();
  if (problem !== undefined) {
    process.stderr.write(`fuzz: ${problem}\n`);
    return 1;
  }
  const hosts = { reference: createKernelHost(), subject: createMemoryHost() };
  const instructionSet = isKernelAtLeast("6.6") ? 4 : 3;
  let compared = 0;
  let refused = 0;
  for (let done = 0; done < count; done += STEP) {
    const part = { firstSeed: firstSeed + done, count: Math.min(STEP, count - done) };
    const result = compareHosts({ ...hosts, ...part, instructionSet });
    compared += result.compared;
    refused += result.refused.length;
    for (const { seed, message } of result.refused) process.stdout.write(`seed ${seed}: ${message}\n`);
    if (result.disagreement !== undefined) {
      process.stdout.write(`${describeDisagreement(result.disagreement)}\n`);
      return 1;
    }
    process.stdout.write(`${compared} programs agree, ${refused} refused, from seed ${firstSeed}\n`);
  }
  return 0;
}

process.exitCode = main();
