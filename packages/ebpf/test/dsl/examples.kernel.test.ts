// Every example does in the kernel what it does in the interpreter.

import { describe } from "vitest";
import { describeExamples } from "./examples.ts";

describe("in the kernel", () => describeExamples([]));
