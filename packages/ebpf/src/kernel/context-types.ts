// Global functions that take the context, on kernels without type information of their own (CONFIG_DEBUG_INFO_BTF,
// which Raspberry Pi OS leaves out: github.com/raspberrypi/linux/issues/6622): the verifier goes by the name of the
// context's type among the kernel's (btf_get_prog_ctx_type, kernel/bpf/btf.c), and would take it for memory of no size.

import { existsSync } from "node:fs";
import type { ProgramSpec } from "../spec.ts";

/** BTF_FUNC_STATIC, include/uapi/linux/btf.h. */
const STATIC = 0;

/** Whether the kernel has type information of its own. */
export function hasKernelTypes(): boolean {
  return existsSync("/sys/kernel/btf/vmlinux");
}

/** The program with those functions verified again at each call, as all were that are not global. */
export function withoutGlobalContexts(spec: ProgramSpec): ProgramSpec {
  if (spec.btf === undefined) return spec;
  const blob = spec.btf.blob.slice();
  const view = new DataView(blob.buffer);
  for (const offset of spec.btf.contextFunctions ?? []) view.setUint16(offset, STATIC, true);
  return { ...spec, btf: { ...spec.btf, blob } };
}
