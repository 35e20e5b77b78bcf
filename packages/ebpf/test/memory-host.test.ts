// The interpreter's host keeps the contract of hosts.

import { createMemoryHost } from "../src/vm/index.ts";
import { describeHost } from "./host-contract.ts";

describeHost("memory host", () => createMemoryHost());
