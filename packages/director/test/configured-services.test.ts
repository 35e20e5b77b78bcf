// Configuration files played on the interpreter.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describeConfiguredServices } from "./configured-services.ts";

describeConfiguredServices({ create: () => createMemoryHost() });
