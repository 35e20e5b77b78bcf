// Every example runs by itself, without privileges, and prints what it promises.

import { describe } from "vitest";
import { describeExamples } from "./examples.ts";

describe("in the interpreter", () => describeExamples(["--interpreter"]));
