// What keepalived.conf(5) allows beyond the sample files, and that nothing is left out silently.
import { expect, test } from "vitest";
import type { Imported } from "../imported.ts";
import { importKeepalived } from "./import-keepalived.ts";

const one = (text: string): Imported => importKeepalived(text, "/etc/keepalived/keepalived.conf");
const missed = ({ notCarried }: Imported) => notCarried.map(({ line, why }) => `${line}: ${why}`);
const serversOf = ({ services }: Imported) =>
  services.map(({ name, servers }) => `${name}: ${servers.map(({ document }) => document.address).join(" ")}`);
const checksOf = ({ services }: Imported) =>
  services.flatMap(({ servers }) => servers.flatMap(({ document }) => document.checks ?? []));

/** A virtual server with one real server in it. */
const virtual = (settings: string, inServer = "") => `virtual_server 192.0.2.1 80 {
  lvs_method NAT
  ${settings}
  real_server 10.0.0.1 80 {
    ${inServer}
  }
}
`;

test("definitions hold definitions, which count where they are used", () => {
  const imported = one(`
$BASE=10.2.\${SUB}   # the servers' network
$SUB=0
virtual_server 192.0.2.1 80 {
  lvs_method DR
  real_server \${BASE}.100 80 { }
  $SUB=10
  real_server \${BASE}.100 80 { }
}
`);
  expect(serversOf(imported)).toEqual(["tcp-192.0.2.1-80: 10.2.10.100 10.2.0.100"]);
  expect(missed(imported)).toEqual([]);
});

test("definitions of several lines, one within the other, and lines for one configuration", () => {
  const text = `
$RS= \\
  real_server 192.168.\${VS_NUM}.\${RS_NUM} 80 { \\
    weight \${RS_NUM} \\
  } \\

$VS= \\
virtual_server 10.0.\${VS_NUM}.4 80 { \\
  lvs_method NAT \\
  @main lvs_sched rr \\
  $RS_NUM=1 \\
  $RS \\
  $RS_NUM=2 \\
  $RS \\
  }

$VS_NUM=0
$VS
$VS_NUM=1
$VS
`;
  const { services } = importKeepalived(text.replace("} \\\n\n$VS=", "}\n\n$VS="), "k.conf", { configId: "main" });
  expect(serversOf({ services, notCarried: [] })).toEqual([
    "tcp-10.0.0.4-80: 192.168.0.2 192.168.0.1",
    "tcp-10.0.1.4-80: 192.168.1.2 192.168.1.1",
  ]);
  expect(services[1]).toMatchObject({ document: { scheduler: "rr" }, servers: [{ document: { weight: 2 } }, {}] });
});

test("a definition that is its own, or has no end, is refused", () => {
  expect(() => one("$A=\\\n$A\\\n$A\n$A\n")).toThrow(/too many lines/);
  expect(() => one("$A=\\\nvirtual_server 192.0.2.1 80 { \\\n")).toThrow(/has no last line/);
  expect(() => one("~SEQ(N, 1, 999999999) virtual_server 192.0.2.1 $N { }")).toThrow(/too many lines/);
});

test("sequences and the folder of the file", () => {
  const imported = one(`virtual_server 2001:db8::1 80 {
  lvs_method DR
  ~SEQ(N, 1, 3) real_server fd00::\${N} 80 { MISC_CHECK { misc_path "\${_PWD}/check.sh a" } }
  ~SEQx(H, 0xf, 1, 0x10) real_server fd00::1:$H 80 { }
}`);
  expect(serversOf(imported)).toEqual(["tcp-2001-db8-1-80: fd00::1:10 fd00::1:f fd00::3 fd00::2 fd00::1"]);
  expect(checksOf(imported)[0]).toMatchObject({ command: ["/etc/keepalived/check.sh", "a"] });
});

test("a virtual server's connect_timeout is its checkers', and a real server's before it", () => {
  const both = virtual("connect_timeout 3", "TCP_CHECK { }\n connect_timeout 2\n");
  expect(checksOf(one(virtual("connect_timeout 3", "TCP_CHECK { }")))).toMatchObject([{ timeout: "3s" }]);
  expect(checksOf(one(both))).toMatchObject([{ timeout: "2s" }]);
  expect(checksOf(one(virtual("connect_timeout 3", "TCP_CHECK {\n connect_timeout 1\n }")))).toMatchObject([
    { timeout: "1s" },
  ]);
  expect(checksOf(one(virtual("connect_timeout 3", "MISC_CHECK {\n misc_path /bin/true\n }")))).toMatchObject([
    { timeout: "60s" },
  ]);
});

test("a mail server's hosts: each port is checked once", () => {
  const imported = one(
    virtual("", "SMTP_CHECK {\n host {\n connect_port 25\n }\n host {\n connect_port 587\n }\n host {\n }\n }"),
  );
  expect(checksOf(imported).map(({ port }) => port)).toEqual([25, 587, undefined]);
  expect(missed(imported)).toEqual([expect.stringMatching(/^5: there is no SMTP check/)]);
});

test("lvs_timeouts are the director's", () => {
  const imported = one("global_defs {\n router_id LVS\n lvs_timeouts tcp 7200 udp 30 tcpfin x\n}\n");
  expect(imported.timeouts).toEqual({ tcp: "7200s", udp: "30s" });
  expect(missed(imported)).toEqual([
    expect.stringMatching(/^1: settings of keepalived itself/),
    expect.stringMatching(/^3: "tcpfin x" is no timeout/),
  ]);
});

test.each([
  ["ip_family inet", /of which family/, ""],
  ["ops", /one-packet scheduling is UDP's/, ""],
  ["delay_before_retry 3", /after its interval/, ""],
  ["quorum many", /quorum is no number/, "TCP_CHECK { }"],
  ["weight heavy", /weight is no number/, ""],
  ["lvs_sched rr\n lvs_sched wlc", /line 4 says it again/, ""],
  ["lvs_method DR\n sorry_server 10.0.0.9 8080", /port 8080: dr changes no ports/, "TCP_CHECK { }"],
  ["unheard_of 1", /no such setting/, ""],
  ["", /the threshold is no number/, "uthreshold many"],
  ["", /after its interval/, "delay_before_retry 1"],
  ["", /there is no SNMP/, "snmp_name first"],
  ["", /the port is no number/, "TCP_CHECK {\n connect_port http\n }"],
] as const)("%j is listed, with %s", (settings, why, inServer) => {
  expect(missed(one(virtual(settings, inServer))).join("\n")).toMatch(why);
});

test("where some servers are inhibited and others removed, those that become otherwise are listed", () => {
  const text = `virtual_server 192.0.2.1 80 {
  lvs_method NAT
  real_server 10.0.0.1 80 {
    inhibit_on_failure
    TCP_CHECK { }
  }
  real_server 10.0.0.2 80 {
    TCP_CHECK { }
  }
  real_server 10.0.0.3 80 {
  }
}`;
  const imported = one(text);
  expect(imported.services[0]?.document.onDown).toBe("drain");
  expect(missed(imported)).toEqual([expect.stringMatching(/^7: onDown is of the whole service/)]);
  expect(missed(one(text.replace("lvs_method NAT", "lvs_method NAT\n  inhibit_on_failure")))).toEqual([]);
});
