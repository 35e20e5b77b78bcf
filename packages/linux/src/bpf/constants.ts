// Numbers of bpf(2) from include/uapi/linux/bpf.h, under the kernel's own names without their prefix.

/** enum bpf_cmd */
export const BpfCommand = {
  MAP_CREATE: 0,
  MAP_LOOKUP_ELEM: 1,
  MAP_UPDATE_ELEM: 2,
  MAP_DELETE_ELEM: 3,
  MAP_GET_NEXT_KEY: 4,
  PROG_LOAD: 5,
  OBJ_PIN: 6,
  OBJ_GET: 7,
  PROG_TEST_RUN: 10,
  PROG_GET_NEXT_ID: 11,
  MAP_GET_NEXT_ID: 12,
  PROG_GET_FD_BY_ID: 13,
  MAP_GET_FD_BY_ID: 14,
  OBJ_GET_INFO_BY_FD: 15,
  PROG_QUERY: 16,
  BTF_LOAD: 18,
  MAP_LOOKUP_BATCH: 24,
  MAP_UPDATE_BATCH: 26,
  MAP_DELETE_BATCH: 27,
  LINK_CREATE: 28,
  LINK_UPDATE: 29,
  LINK_GET_FD_BY_ID: 30,
  LINK_GET_NEXT_ID: 31,
  LINK_DETACH: 34,
} as const;

/** enum bpf_map_type */
export const BpfMapType = {
  hash: 1,
  array: 2,
  prog_array: 3,
  percpu_hash: 5,
  percpu_array: 6,
  lru_hash: 9,
  lru_percpu_hash: 10,
  lpm_trie: 11,
  array_of_maps: 12,
  hash_of_maps: 13,
  devmap: 14,
  sk_storage: 24,
  ringbuf: 27,
} as const;

/** enum bpf_prog_type */
export const BpfProgramType = { sched_cls: 3, xdp: 6, sock_ops: 13, cgroup_sock_addr: 18, syscall: 31 } as const;

/** enum bpf_attach_type */
export const BpfAttachType = {
  cgroup_sock_ops: 3,
  cgroup_inet4_getpeername: 29,
  cgroup_inet6_getpeername: 30,
  XDP: 37,
  /** Since Linux 6.6. */
  TCX_INGRESS: 46,
  TCX_EGRESS: 47,
} as const;

/** enum bpf_link_type, of those that are told apart. */
export const BpfLinkType = { XDP: 6, TCX: 11 } as const;

/** Flags of map_create. */
export const BpfMapFlag = { NO_PREALLOC: 1 << 0, MMAPABLE: 1 << 10, INNER_MAP: 1 << 12 } as const;

/** Flags of a map update. */
export const BpfUpdateFlag = { ANY: 0, NOEXIST: 1, EXIST: 2 } as const;

/** BPF_F_SLEEPABLE of prog_load: programs of type syscall must be sleepable (kernel/bpf/verifier.c). */
export const BPF_F_SLEEPABLE = 1 << 4;

/** BPF_F_REPLACE of link_update. */
export const BPF_F_REPLACE = 1 << 2;

/** XDP_FLAGS_SKB_MODE and XDP_FLAGS_DRV_MODE (include/uapi/linux/if_link.h). */
export const XdpFlag = { SKB_MODE: 1 << 1, DRV_MODE: 1 << 2 } as const;

/** BPF_F_TEST_XDP_LIVE_FRAMES of prog_test_run, since Linux 5.18. */
export const BPF_F_TEST_XDP_LIVE_FRAMES = 1 << 1;
