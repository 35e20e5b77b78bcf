// Scripts of ipvsadm commands as people have them: what of a shell's is understood, and what is said of the rest.
import { expect, test } from "vitest";
import { scriptCommands } from "./script.ts";

const read = (text: string) =>
  [...scriptCommands(text)].map(
    ({ line, command }) => `${line}: ${"why" in command ? `(${command.why})` : command.text}`,
  );

test("rules with and without the program's name, comments, empty lines", () => {
  expect(
    read("# made by hand\n\n-A -t 10.0.0.1:80 -s rr  # first\nipvsadm -C\n/sbin/ipvsadm -a -t x#y -r z\n"),
  ).toEqual(["3: -A -t 10.0.0.1:80 -s rr", "4: -C", "5: -a -t x#y -r z"]);
});

test("variables with plain values, lines that go on, several commands in a line", () => {
  const text = `VIP=10.0.0.1
export RIP="10.1.0.1"; IPVSADM='/sbin/ipvsadm'
BOTH=\${VIP}:80
$IPVSADM -A -t $BOTH -s wlc && $IPVSADM -a -t $BOTH \\
   -r \${RIP}:8080 -m
ipvsadm -Ln`;
  expect(read(text)).toEqual(["4: -A -t 10.0.0.1:80 -s wlc", "4: -a -t 10.0.0.1:80     -r 10.1.0.1:8080 -m", "6: -Ln"]);
});

test("what would have to be run is said", () => {
  const text = `VIP=$(hostname -i)
ipvsadm -A -t $VIP:80
for RIP in 10.1.0.1 10.1.0.2; do ipvsadm -a -t 10.0.0.1:80 -r $RIP; done
if true; then ipvsadm -C; fi
echo 1 > /proc/sys/net/ipv4/ip_forward
"ipvsadm;`;
  expect(read(text)).toEqual([
    "1: (it is no command of ipvsadm)",
    "2: (nobody says here what $VIP is)",
    "3: (conditions and loops are not followed: commands in them are taken as they stand)",
    "3: (nobody says here what $RIP is)",
    "3: (conditions and loops are not followed: commands in them are taken as they stand)",
    "4: (conditions and loops are not followed: commands in them are taken as they stand)",
    "4: -C",
    "5: (it is no command of ipvsadm)",
    "6: (it is no command of ipvsadm)",
  ]);
});

test("values do not make lines grow without end", () => {
  const text = `A=${"x".repeat(1000)}\nB=$A$A$A$A$A\nipvsadm $B\nipvsadm -A -t $A$A$A$A$A\n`;
  expect(read(text).map((line) => line.slice(0, 60))).toEqual([
    "3: (nobody says here what $B is)",
    "4: (with its variables the line is too long)",
  ]);
});
