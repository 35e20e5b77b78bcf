// The director's neighbour on a cable: receives with a native XDP program that lets everything pass, for as long as
// it runs. A veth wakes its peer for frames that XDP sends back (XDP_TX) only when the peer, too, has a program:
// without one they lie in its ring until something else comes (drivers/net/veth.c, veth_xdp_flush).
import {
  BpfAttachType,
  BpfProgramType,
  errnoText,
  type FileDescriptor,
  findLink,
  linkCreate,
  programLoad,
  XdpFlag,
} from "@yardmaster/linux";

import { stayOnRequest } from "./stay.ts";

/** `r0 = XDP_PASS; exit` (include/uapi/linux/bpf.h: BPF_ALU64 | BPF_MOV | BPF_K, BPF_JMP | BPF_EXIT). */
const letPass = Uint8Array.of(0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

function attach(interfaceName: string): FileDescriptor {
  const link = findLink(interfaceName);
  if (link === undefined) throw new Error(`attaching to "${interfaceName}": there is no such interface`);
  const name = "let_pass";
  const program = programLoad({ name, type: BpfProgramType.xdp, instructions: letPass, license: "MIT" });
  if ("errno" in program) throw new Error(`loading a program that lets all pass: ${errnoText(program.errno)}`);
  using loaded = program;
  const what = `${name} on ${interfaceName}`;
  const target = { target: link.index, attachType: BpfAttachType.XDP, flags: XdpFlag.DRV_MODE, what };
  const attached = linkCreate({ program: loaded, ...target });
  if ("errno" in attached) throw new Error(`attaching ${what}: ${errnoText(attached.errno)}`);
  return attached;
}

// The kernel takes the program off when this process ends, however it ends.
const attached = attach(process.argv[2] ?? "");
stayOnRequest();
process.stdout.write(`${attached.what}\nready\n`);
