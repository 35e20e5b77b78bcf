// ipvsadm's command line: what it means, and how it is refused. Texts and statuses are those that ipvsadm 1.31 printed
// on Linux 6.1 for the same words.
import { expect, test } from "vitest";
import { readCommand } from "./command.ts";
import { IpvsadmRefusal, splitLine } from "./words.ts";

function refusalOf(words: readonly string[]): string {
  try {
    return `read as ${readCommand(words).kind}`;
  } catch (error) {
    if (!(error instanceof IpvsadmRefusal)) throw error;
    return `${error.status} ${error.message}`;
  }
}

const server = "-a -t 10.3.0.1:80 -r 10.2.0.3";

test.each([
  ["-A", "2 You need to supply the 'service-address' option for the 'add-service' command"],
  ["-D", "2 You need to supply the 'service-address' option for the 'delete-service' command"],
  ["-d -t 10.3.0.1:80", "2 You need to supply the 'real-server' option for the 'delete-server' command"],
  ["-a -t 10.3.0.1:80", "2 You need to supply the 'real-server' option for the 'add-server' command"],
  ["-d -t 10.3.0.1:80 -r 10.2.0.1 -m", "2 Illegal 'forwarding-method' option with the 'delete-server' command"],
  [`${server}:8080 -m -w -1`, "2 illegal weight specified"],
  [`${server}:8080 -m -w x`, "2 illegal weight specified"],
  [`${server} -x x`, "2 illegal u_threshold specified"],
  [`${server} -y x`, "2 illegal l_threshold specified"],
  [`${server} -i --tun-type gue`, "2 You need to supply the 'tun-port' option for the 'gue' tunnel type"],
  [`${server} -i --tun-type nonsense`, "2 illegal tunnel type specified"],
  [`${server} -i --tun-type gue --tun-port 0`, "2 illegal tunnel port specified"],
  [`${server} -m --tun-type gue --tun-port 6080`, "2 Tunnel options conflict with forward method"],
  [`${server} --tun-type gre`, "2 Tunnel options conflict with forward method"],
  [`${server} -i --tun-port 6080`, "2 Illegal 'tun-port' option with the 'ipip' tunnel type"],
  [`${server} -i --tun-type gre --tun-port 6080`, "2 Illegal 'tun-port' option with the 'gre' tunnel type"],
  [`${server} -i --tun-type gre --tun-remcsum`, "2 Illegal 'tun-remcsum' option with the 'gre' tunnel type"],
  [`${server} -i --tun-type ipip --tun-csum`, "2 Illegal 'tun-csum' option with the 'ipip' tunnel type"],
  [
    `${server} -i --tun-type gue --tun-port 6080 --tun-csum --tun-nocsum`,
    "2 The option 'tun-csum' conflicts with the 'tun-nocsum' option in the 'gue' tunnel type",
  ],
  [`${server} -i -m`, "2 multiple 'forwarding-method' options specified"],
  ["-a -t [fd00:3::1]:80 -r 10.2.0.5 -m", "2 Different address family is allowed only for tunneling servers"],
  ["-a -t 10.3.0.2:80 -r 10.2.0.300", "2 illegal real server address[:port] specified"],
  ["-A -t", "255 -t: missing argument"],
  ["-A -t 10.3.0.1", "2 Zero port specified for non-persistent service"],
  ["-A -t fd00:3::1:80", "2 Zero port specified for non-persistent service"],
  ["-A -t 10.3.0.1:0", "2 Zero port specified for non-persistent service"],
  ["-A -t 10.3.0.1:0 -p", "read as addService"],
  ["-A -t 10.3.0.1:81 -o", "2 One-Packet Scheduling is only for UDP virtual services"],
  ["-A -t 10.3.0.300:80", "2 illegal virtual server address[:port] specified"],
  ["-A -t 10.3.0.1:99999", "2 illegal virtual server address[:port] specified"],
  ["-A -t 10.3.0.2:80 -p 0", "2 invalid timeout value `0' specified"],
  ["-A -t 10.3.0.2:80 -p 99999999", "2 invalid timeout value `99999999' specified"],
  ["-A -t [fd00:3::1]:80 -p 60 -M 200", "2 illegal ipv6 netmask specified"],
  ["-A -t 10.3.0.4:80 -p 60 -M nonsense", "2 illegal virtual server persistent mask specified"],
  ["-A -f 0", "2 invalid fwmark value `0' specified"],
  ["-A -f 0x8 -s rr", "2 invalid fwmark value `0x8' specified"],
  ["-A -f 99999999999", "2 invalid fwmark value `99999999999' specified"],
  ["-A -t 10.3.0.6:80 -b nonsense -s sh", "2 invalid scheduler flag `nonsense'"],
  ["-A -D -t 10.3.0.1:80", "2 invalid option `-D'"],
  ["-A -t 10.3.0.1:80 -u 10.3.0.1:80", "2 multiple 'service-address' options specified"],
  ["-A -t 10.3.0.1:80 -r 10.2.0.1", "2 Illegal 'real-server' option with the 'add-service' command"],
  ["-D -t 10.3.0.1:80 -s rr", "2 Illegal 'scheduler' option with the 'delete-service' command"],
  ["-C -t 10.3.0.1:80", "2 Illegal 'service-address' option with the 'flush' command"],
  ["-Z -n", "2 Illegal 'numeric' option with the 'zero' command"],
  ["-S -t 10.3.0.1:80", "2 Illegal 'service-address' option with the 'save' command"],
  ["-S -n --exact", "2 Illegal 'exact' option with the 'save' command"],
  ["-L -t 10.3.0.1:80 -w 3", "2 Illegal 'weight' option with the 'list' command"],
  ["-Ln --stats -c", "2 options conflicts in the list command"],
  ["-Ln --timeout --stats", "2 options conflicts in the list command"],
  ["-L --timeout --daemon", "2 The option 'daemon' conflicts with the 'timeout' option in the 'list' command"],
  [
    "-Ln -c -t 10.3.0.2:80",
    "2 The option 'service-address' conflicts with the 'connection' option in the 'list' command",
  ],
  ["-L -6", "2 -6 used before -f\n"],
  ["--set 10 20", "2 --set option requires 3 timeout values"],
  ["--set 10 20 30 40", "2 unexpected argument 40"],
  ["--set 10 20 9999999", "2 invalid timeout value `9999999' specified"],
  ["--set 10 20 30 -n", "2 Illegal 'numeric' option with the 'set' command"],
  ["--set -1 0 40", "255 -1: unknown option"],
  ["--nonsense", "255 Try `ipvsadm -h' or 'ipvsadm --help' for more information."],
  ["-t 10.3.0.1:80", "255 Try `ipvsadm -h' or 'ipvsadm --help' for more information."],
  ["-A -t 10.3.0.9:80 -zs rr", "255 -zs: unknown option"],
  ["-A -t 10.3.0.9:80 --foo", "255 --foo: unknown option"],
  ["-L nonsense", "2 unexpected argument nonsense"],
  ["-v -n", "read as version"],
  ["-h -n", "read as help"],
])("ipvsadm %s: %s", (line, answer) => {
  expect(refusalOf(splitLine(line))).toBe(answer);
});

test("letters may stand together and values behind them", () => {
  expect(readCommand(splitLine("-at 10.3.0.77:80 -r 10.2.0.2 -mw5"))).toEqual(
    readCommand(splitLine("--add-server --tcp-service=10.3.0.77:80 --real-server 10.2.0.2 --masquerading --weight 5")),
  );
  expect(readCommand(splitLine("-A -t 10.3.0.78:80 -p60 -srr"))).toEqual(
    readCommand(splitLine("-A -t 10.3.0.78:80 -p 60 -s rr")),
  );
});

test("nothing lists, numbers are names where somebody knows them", () => {
  expect(readCommand([])).toMatchObject({ kind: "list", listing: { what: "services", isSorted: true } });
  const names = { port: () => 80, host: () => "10.3.0.1" };
  expect(readCommand(["-A", "-t", "www.example.org:http"], names)).toEqual(readCommand(["-A", "-t", "10.3.0.1:80"]));
});
