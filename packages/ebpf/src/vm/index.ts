// Entry point "@yardmaster/ebpf/vm": the interpreter. It runs exactly the bytecode that the kernel would,
// with the kernel's results, and says where a program went wrong.

export { JIFFIES_PER_SECOND } from "./clock.ts";
export type { Helper, HelperCall, HelperTable } from "./helpers/helper.ts";
export { drainRingBuffer } from "./maps/create-map.ts";
export type { MemoryProgram, MemoryRunOutput } from "./memory-program.ts";
export { createMemoryHost, type MemoryHost, type MemoryHostOptions } from "./memory-host.ts";
export { MemoryFault, ProgramFault, VmError, type VmErrorCode } from "./vm-error.ts";
