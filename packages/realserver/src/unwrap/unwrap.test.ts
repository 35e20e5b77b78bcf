// Unwrapping in the interpreter.
import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { testUnwrapping } from "../../test/unwrap-behaviour.ts";

testUnwrapping(createMemoryHost, 4000);
