// Kernel tests that the virtual machine leaves out, and why: they ask the same of every kernel and would take hours
// where a processor is emulated. What depends on the version of the kernel (its verifier, helpers, attachments,
// netlink) is not among them.

/** Files by their path in the repository, with the reason. */
export const leftOutOfGuest: Readonly<Record<string, string>> = {
  "packages/dataplane/test/life.kernel.test.ts":
    "long stories of connections: the programs are those of packets.kernel",
  "packages/dataplane/test/parallel.kernel.test.ts":
    "several processors at once: one thread emulates all of the guest's, so that nothing runs at once there",
  "packages/dataplane/test/probes.kernel.test.ts":
    "packets of health checks: verified.kernel loads their program, with everything compiled in",
  "packages/dataplane/test/schedule/twins.kernel.test.ts": "arithmetic against twins: instructions mean the same",
  "packages/director/test/change.kernel.test.ts": "changes of maps, on programs that others load",
  "packages/director/test/anomaly.kernel.test.ts": "fails every system call in turn: no kernel is asked",
  "packages/director/test/configured-services.kernel.test.ts": "configurations, on programs that others load",
  "packages/director/test/live.kernel.test.ts": "changes of maps, on programs that others load",
  "packages/director/test/succession.kernel.test.ts": "copies of maps, on programs that others load",
  "test/oracle/director-subject.kernel.test.ts": "the oracle's own machinery",
};

/** Files of which a part runs, as they say themselves; what is left out, with the reason. */
export const partlyLeftOutOfGuest: Readonly<Record<string, string>> = {
  "packages/dataplane/test/packets.kernel.test.ts":
    "scenarios that need programs of their own: those on the program that most share run, and verified.kernel loads everything",
  "packages/dataplane/test/schedulers.kernel.test.ts":
    "each scheduler alone: all run in one program, and in vm/beside each next to IPVS's",
  "packages/dataplane/test/tc.kernel.test.ts":
    "scenarios, of which packets.kernel runs most at XDP: the methods show what depends on the kernel at tc",
};

/** Set in the guest. */
export const GUEST = "YARDMASTER_GUEST";
