// The kernel's host keeps the contract of hosts.

import { test } from "vitest";
import { bpfAccessProblem, createKernelHost } from "../src/kernel/index.ts";
import { describeHost } from "./host-contract.ts";

const problem = bpfAccessProblem();
if (problem === undefined) describeHost("kernel host", createKernelHost);
else test("kernel host", (context) => context.skip(problem));
