// A script of ipvsadm commands as LVS's own documents have them (the Mini-HOWTO's order, ipvsadm(8)'s examples), run as
// it is with a link named ipvsadm in the path: the director forwards by it, and listings, rules and answers are
// ipvsadm's.
import { symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Director, DirectorHost, type Ended, vip } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";
import { echoServer, firstLine } from "./load.ts";

const program = resolve(import.meta.dirname, "../../packages/cli/bin/yardmaster.js");
const script = `
# clear the table
ipvsadm -C

# add a service, with the weighted round robin scheduler
ipvsadm -A -t ${vip}:http -s wrr
# forward it to real servers with masquerading
ipvsadm -a -t ${vip}:http -r 10.0.0.11:8080 -m
ipvsadm -a -t ${vip}:http -r 10.0.0.12:8080 -m -w 2

# the same in one go
echo "
-A -u ${vip}:53 -s rr -o
-a -u ${vip}:53 -r 10.0.0.11:53 -m
-a -u ${vip}:53 -r 10.0.0.12:53 -m
" | ipvsadm -R

# list the table
ipvsadm -L -n
`;
const empty = "director: { interfaces: [front, back], connections: { maximum: 4096 } }\nservices: {}\n";
const asking = `
  const seen = new Set();
  for (let at = 0; at < 12; at += 1) {
    const response = await fetch("http://${vip}/", { headers: { connection: "close" } });
    seen.add(response.status);
    await response.text();
  }
  console.log([...seen].join());`;

describe.skipIf(needsRoot)("a script of ipvsadm commands", () => {
  let host: DirectorHost;
  let director: Director;
  beforeAll(async () => {
    host = new DirectorHost();
    host.ip("server", "address add 10.0.0.12/24 dev eth0");
    await firstLine(host.spawn("server", [process.execPath, "-e", echoServer]));
    symlinkSync(program, join(host.folder, "ipvsadm"));
    director = await host.start(empty);
  });
  afterAll(async () => {
    await director.stop("SIGTERM");
    host[Symbol.dispose]();
  });

  const sh = (text: string): Promise<Ended> => {
    const path = [host.folder, dirname(process.execPath), process.env["PATH"] ?? ""].join(":");
    const environment = [`PATH=${path}`, `YARDMASTER_SOCKET=${director.socketPath}`];
    return host.run("director", ["env", ...environment, "sh", "-c", text]);
  };

  test("is carried out by the director as it stands", async () => {
    expect(await sh(script)).toEqual({
      status: 0,
      stderr: "",
      stdout: [
        "IP Virtual Server version 1.2.1 (size=4096)",
        "Prot LocalAddress:Port Scheduler Flags",
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
        `TCP  ${vip}:80 wrr`,
        "  -> 10.0.0.11:8080               Masq    1      0          0         ",
        "  -> 10.0.0.12:8080               Masq    2      0          0         ",
        `UDP  ${vip}:53 rr ops`,
        "  -> 10.0.0.11:53                 Masq    1      0          0         ",
        "  -> 10.0.0.12:53                 Masq    1      0          0         ",
        "",
      ].join("\n"),
    });
  });

  test("and packets go by it", async () => {
    const asked = await host.run("client", [process.execPath, "--input-type=module", "-e", asking]);
    expect(asked.stdout).toBe("200\n");
    const rows = (await sh(`ipvsadm -Ln --stats -t ${vip}:80`)).stdout.split("\n").slice(2, 5);
    expect(rows.map((row) => row.trim().split(/\s+/).slice(1, 3))).toEqual([
      [`${vip}:80`, "12"],
      ["10.0.0.11:8080", "4"],
      ["10.0.0.12:8080", "8"],
    ]);
    const [, , connection] = (await sh("ipvsadm -Lnc")).stdout.split("\n");
    expect(connection).toMatch(
      /^TCP \d\d:\d\d {2}\S+ +198\.51\.100\.2:\d+ +198\.51\.100\.10:80 {3}10\.0\.0\.1[12]:8080$/,
    );
  });

  test("what it saves it restores, and what cannot be it refuses as ipvsadm does", async () => {
    const before = (await sh("ipvsadm -S -n")).stdout;
    expect(before).toContain(`-a -t ${vip}:80 -r 10.0.0.12:8080 -m -w 2\n`);
    const restored = await sh(
      "ipvsadm -S -n > /dev/shm/ym-rules-$$; ipvsadm -C; ipvsadm -R < /dev/shm/ym-rules-$$; rm /dev/shm/ym-rules-$$",
    );
    expect(restored).toEqual({ status: 0, stdout: "", stderr: "" });
    expect((await sh("ipvsadm -S -n")).stdout).toBe(before);
    expect(await sh(`ipvsadm -A -t ${vip}:80`)).toEqual({
      status: 255,
      stdout: "",
      stderr: "Service already exists\n",
    });
    expect(await sh(`ipvsadm -d -t ${vip}:80 -r 10.0.0.99`)).toMatchObject({
      status: 255,
      stderr: "No such destination\n",
    });
    expect(await sh("ipvsadm -L --timeout")).toMatchObject({ stdout: "Timeout (tcp tcpfin udp): 900 120 300\n" });
    expect(await sh("ipvsadm --set 60 30 20 && ipvsadm -L --timeout")).toMatchObject({
      stdout: "Timeout (tcp tcpfin udp): 60 30 20\n",
    });
  });
});
