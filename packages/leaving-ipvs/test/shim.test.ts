// ipvsadm's commands on a director in memory: what they make of its configuration, and what they answer. Texts and
// statuses are ipvsadm 1.31's on Linux 6.1.
import { expect, test } from "vitest";
import { MemoryDirector } from "./memory-director.ts";

/** What a command says, in one line. */
async function said(director: MemoryDirector, line: string): Promise<string> {
  const { output, errors, status } = await director.run(line);
  return `${status} ${output}${errors}`.trimEnd();
}

test("services and servers are added, changed and removed", async () => {
  const director = new MemoryDirector();
  const script = [
    "-A -t 10.3.0.1:80 -s wlc",
    "-a -t 10.3.0.1:80 -r 10.2.0.1:8080 -m",
    "-a -t 10.3.0.1:80 -r 10.2.0.2 -g -w 3 -x 100 -y 50",
    "-A -u 10.3.0.1:53 -s sh -b sh-port -p 60 -M 255.255.255.0 -o",
    "-a -u 10.3.0.1:53 -r 10.2.0.1 -i --tun-type gre",
    "-a -u 10.3.0.1:53 -r 10.2.0.2 -i --tun-type gue --tun-port 6080 --tun-csum",
    "-A -t 10.3.0.9:0 -p 300",
    "-E -t 10.3.0.1:80 -s mh -b mh-port",
    "-e -t 10.3.0.1:80 -r 10.2.0.2 -w 0",
    "--set 0 60 20",
  ];
  for (const line of script) expect(await said(director, line), line).toBe("0");
  expect(director.text).toMatchInlineSnapshot(`
    "services:
      tcp-10.3.0.1-80:
        address: 10.3.0.1
        port: 80
        protocol: tcp
        scheduler: mh
        forwarding: nat
        servers:
          - { address: 10.2.0.2, weight: 0, forwarding: dr }
          - { address: 10.2.0.1, port: 8080, weight: 1 }
        schedulerOptions: [ mh-port ]
      udp-10.3.0.1-53:
        address: 10.3.0.1
        port: 53
        protocol: udp
        scheduler: sh
        schedulerOptions:
          - sh-port
        persistence:
          timeout: 60s
          netmask: 24
        onePacket: true
        forwarding: tun
        servers:
          - { address: 10.2.0.2, weight: 1, encapsulation: { gue: { port: 6080, checksum: true } } }
          - { address: 10.2.0.1, weight: 1, encapsulation: gre }
      tcp-10.3.0.9-any:
        address: 10.3.0.9
        port: any
        protocol: tcp
        scheduler: wlc
        persistence: 300s
        forwarding: dr
        servers: []
    director:
      timeouts:
        tcpFin: 60s
        udp: 20s
    "
  `);
  for (const line of ["-d -t 10.3.0.1:80 -r 10.2.0.1:8080", "-D -u 10.3.0.1:53", "-D -t 10.3.0.9:0"]) {
    expect(await said(director, line), line).toBe("0");
  }
  expect(await said(director, "-S -n")).toMatchInlineSnapshot(`
    "0 -A -t 10.3.0.1:80 -s mh -b mh-port
    -a -t 10.3.0.1:80 -r 10.2.0.2:80 -g -w 0"
  `);
  expect(await said(director, "-L --timeout")).toBe("0 Timeout (tcp tcpfin udp): 900 60 20");
  expect(await said(director, "-C")).toBe("0");
  expect(await said(director, "-S -n")).toBe("0");
});

test("-Z has --stats begin at zero, of all services or of one", async () => {
  const director = new MemoryDirector();
  for (const line of ["-A -t 10.3.0.1:80", "-a -t 10.3.0.1:80 -r 10.2.0.1", "-A -t 10.3.0.2:80"])
    await director.run(line);
  const count = (connections: number) => {
    const counted = { connections, packetsIn: 2 * connections, bytesIn: 100 * connections };
    director.counted = { "tcp-10.3.0.1-80": counted, "tcp-10.3.0.1-80 10.2.0.1": counted };
  };
  const shown = async () => (await said(director, "-Ln --stats")).match(/^(TCP|  ->) +10\S+ +\d+ +\d+/gm);
  count(7);
  expect(await said(director, "-Z")).toBe("0");
  expect(await shown()).toEqual([
    "TCP  10.3.0.1:80                         0        0",
    "  -> 10.2.0.1:80                         0        0",
    "TCP  10.3.0.2:80                         0        0",
  ]);
  count(9);
  expect((await shown())?.[0]).toBe("TCP  10.3.0.1:80                         2        4");
  expect(await said(director, "-Z -t 10.3.0.1:80")).toBe("0");
  expect((await shown())?.[1]).toBe("  -> 10.2.0.1:80                         0        0");
  expect(await said(director, "-Z -t 10.3.0.9:80")).toBe("255 No such service");
});

test("what is refused changes nothing", async () => {
  const director = new MemoryDirector();
  await director.run("-A -t 10.3.0.1:80 -s wlc");
  await director.run("-a -t 10.3.0.1:80 -r 10.2.0.1:80");
  const before = director.text;
  const answers: readonly (readonly [string, string])[] = [
    ["-A -t 10.3.0.1:80 -s wlc", "255 Service already exists"],
    ["-A -t 10.3.0.9:80 -s nothing", "255 Scheduler or persistence engine not found"],
    ["-E -t 10.3.0.1:80 -s nothing", "255 Scheduler or persistence engine not found"],
    ["-E -t 10.3.0.9:80 -s wlc", "255 No such service"],
    ["-D -t 10.3.0.9:80", "255 No such service"],
    ["-Ln -t 10.3.0.9:80", "1 No such service"],
    ["-a -t 10.3.0.9:80 -r 10.2.0.1:80", "255 Service not defined"],
    ["-a -t 10.3.0.1:80 -r 10.2.0.1:80", "255 Destination already exists"],
    ["-a -t 10.3.0.1:80 -r 10.2.0.3:8080 -m -x 10 -y 20", "255 Numerical result out of range"],
    ["-e -t 10.3.0.9:80 -r 10.2.0.1:80", "255 Service not defined"],
    ["-e -t 10.3.0.1:80 -r 10.2.0.9:80", "255 No such destination"],
    ["-d -t 10.3.0.9:80 -r 10.2.0.1:80", "255 Service not defined"],
    ["-d -t 10.3.0.1:80 -r 10.2.0.9:80", "255 No such destination"],
    ["-A -f 7", "255 no packet gets mark 7; add { mark: 7, address: …, port: … } to director.marks"],
    [
      "-a -t 10.3.0.1:80 -r 10.3.0.1:80 -m",
      "255 server 10.3.0.1 is the service's own address: packets would come back to the director; " +
        "write the address that the real server itself has",
    ],
  ];
  for (const [line, answer] of answers) expect(await said(director, line), line).toBe(answer);
  expect(director.text).toBe(before);
});

test("what else the configuration says stays as it is", async () => {
  const director = new MemoryDirector(`# Ours.
services:
  shop: # the shop
    address: 198.51.100.10
    port: [443]
    scheduler: rr
    forwarding: nat
    check: tcp
    servers:
      - { address: 10.0.0.11, port: 8443, check: { http: { path: /x } } } # the old one
`);
  expect(await said(director, "-a -t 198.51.100.10:443 -r 10.0.0.12:8443 -m -w 2")).toBe("0");
  expect(await said(director, "-e -t 198.51.100.10:443 -r 10.0.0.11:8443 -m -w 5")).toBe("0");
  expect(director.text).toMatchInlineSnapshot(`
    "# Ours.
    services:
      shop:
        # the shop
        address: 198.51.100.10
        port: [ 443 ]
        scheduler: rr
        forwarding: nat
        check: tcp
        servers:
          - { address: 10.0.0.12, port: 8443, weight: 2 }
          - { address: 10.0.0.11, port: 8443, check: { http: { path: /x } }, weight: 5 } # the old one
    "
  `);
});

test("rules are restored at once, and what cannot be is said", async () => {
  const director = new MemoryDirector();
  director.input = "\n-a -t 10.9.0.2:80 -r 10.2.0.1:80\n-A -t 10.9.0.3:80 -s rr\n-A -t 10.9.0.4:80 -s rr\n";
  expect(await said(director, "-R")).toBe("0 Service not defined");
  expect(director.revision).toBe(2);
  director.input = "-A -t 10.9.0.5:80 -s rr\n-A -t 10.9.0.6:80 junk\n-A -t 10.9.0.7:80\n";
  expect(await said(director, "-R")).toBe("2 unexpected argument junk");
  expect((await director.run("-S -n")).output).toBe(
    "-A -t 10.9.0.3:80 -s rr\n-A -t 10.9.0.4:80 -s rr\n-A -t 10.9.0.5:80 -s rr\n",
  );
});

test("what somebody else changes meanwhile is not lost", async () => {
  const director = new MemoryDirector();
  let others = 2;
  director.beforeWrite = () => {
    if (others-- <= 0) return;
    director.text += `# change ${others}\n`;
    director.revision++;
  };
  expect(await said(director, "-A -t 10.3.0.1:80")).toBe("0");
  expect(director.text).toContain("# change 0");
  expect(director.text).toContain("10.3.0.1");
});
