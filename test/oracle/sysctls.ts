// IPVS's sysctls (net.ipv4.vs.*) in Yardmaster's words; each at the kernel's default until it is set.
import { defaultTimeoutsMs, states } from "@yardmaster/dataplane";
import type { LiveSettings } from "@yardmaster/director/simulation";
import { NotBuilt } from "./subject.ts";

/** A mode of the defences that is always in force; 1 and 2 follow the free memory, of which there is enough. */
const ALWAYS = 3;

/** Those that change something here, with the kernel's defaults (Documentation/networking/ipvs-sysctl.rst). */
const defaults = {
  am_droprate: 10,
  conn_reuse_mode: 1,
  drop_packet: 0,
  expire_nodest_conn: 0,
  expire_quiescent_template: 0,
  lblc_expiration: 86_400,
  lblcr_expiration: 86_400,
  nat_icmp_send: 0,
  schedule_icmp: 0,
  pmtu_disc: 1,
  secure_tcp: 0,
  sloppy_tcp: 0,
};
type Known = keyof typeof defaults;

/** Those whose default is what Yardmaster does, and that it cannot do otherwise. */
const fixed: Readonly<Record<string, number | string>> = {
  backup_only: 0,
  cache_bypass: 0,
  conntrack: 0,
  drop_entry: 0,
  ignore_tunneled: 0,
  sloppy_sctp: 0,
};

/** Those that make no difference to packets, connections and counts. */
const ignored: ReadonlySet<string> = new Set(["amemthresh", "run_estimation", "snat_reroute"]);

/** The settings of IPVS as they are now. */
export class Sysctls {
  readonly #values: Record<Known, number> = { ...defaults };
  /** Seconds of ESTABLISHED, FIN_WAIT and UDP, as `ipvsadm --set` has them. */
  readonly #timeoutsMs = [...defaultTimeoutsMs];

  /** Throws for what Yardmaster cannot do. */
  set(name: string, value: number | string): void {
    if (name in defaults) {
      this.#values[name as Known] = Number(value);
      return;
    }
    if (ignored.has(name) || (name in fixed && String(fixed[name]) === String(value))) return;
    throw new NotBuilt(`net.ipv4.vs.${name} = ${value} is not built yet`);
  }

  /** 0 keeps a value. */
  setTimeouts(tcpS: number, tcpFinS: number, udpS: number): void {
    const given = [
      [states.ESTABLISHED, tcpS],
      [states.FIN_WAIT, tcpFinS],
      [states.UDP, udpS],
    ] as const;
    for (const [state, seconds] of given) if (seconds !== 0) this.#timeoutsMs[state] = seconds * 1000;
  }

  settings(): LiveSettings {
    const values = this.#values;
    return {
      timeoutsMs: [...this.#timeoutsMs],
      transitions: values.secure_tcp === ALWAYS ? "secure" : "normal",
      reuseMode: values.conn_reuse_mode,
      onRemoval: values.expire_nodest_conn === 0 ? "drop" : "reschedule",
      leaveQuiesced: values.expire_quiescent_template !== 0,
      sloppyTcp: values.sloppy_tcp !== 0,
      refuseSourcePort20: true,
      dropRate: values.drop_packet === ALWAYS ? values.am_droprate : 0,
      refusesByIcmp: true,
      exactTimers: true,
      // The recorded kernel had its limits off.
      answersPerSecond: 0xffff_ffff,
      scheduleIcmp: values.schedule_icmp !== 0,
      natIcmpSend: values.nat_icmp_send !== 0,
      pingVip: true,
      pathMtuDiscovery: values.pmtu_disc !== 0,
      // IPVS leaves what SYNs announce as it is: none announces more than this.
      mssClamp: 0xffff,
      localityMs: { lblc: values.lblc_expiration * 1000, lblcr: values.lblcr_expiration * 1000 },
    };
  }
}
