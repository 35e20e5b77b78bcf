// What checks could not ask: a line for each reason, not for each check.
import { expect, test } from "vitest";
import { failed } from "./exchange.ts";
import { Unasked } from "./unasked.ts";

test("each reason is said once in ten minutes, with how often it came", () => {
  const said: string[] = [];
  let nowMs = 0;
  const unasked = new Unasked(
    (line) => said.push(line.replace("checks: this machine could not ask, which says nothing of its servers: ", "")),
    () => nowMs,
  );
  for (let port = 1; port < 5; port++) unasked.add(`no port: connect EADDRINUSE 10.0.0.${port}:${port}`);
  unasked.add("the director stood still for 2000 ms");
  nowMs = 600_000;
  for (let port = 1; port < 5; port++) unasked.add(`no port: connect EADDRINUSE 10.0.0.${port}:${port}`);
  expect(said).toEqual([
    "no port: connect EADDRINUSE 10.0.0.1:1",
    "the director stood still for 2000 ms",
    "no port: connect EADDRINUSE 10.0.0.1:1 (3 times more since this was said last)",
  ]);
});

test("what this machine lacks is called by its name, and says what gives more of it", () => {
  const reasonOf = (message: string, code: string) => failed(Object.assign(new Error(message), { code }));
  expect([
    reasonOf("connect EADDRNOTAVAIL 10.0.0.1:80 - Local (0.0.0.0:0)", "EADDRNOTAVAIL"),
    reasonOf("bind EADDRINUSE 198.18.0.1", "EADDRINUSE"),
    reasonOf("connect EMFILE 10.0.0.1:80 - Local (undefined:undefined)", "EMFILE"),
    reasonOf("spawn EAGAIN", "EAGAIN"),
    reasonOf("connect ECONNREFUSED 10.0.0.1:80", "ECONNREFUSED"),
  ]).toMatchInlineSnapshot(`
    [
      {
        "outcome": "unknown",
        "reason": "no local port is free (net.ipv4.ip_local_port_range), or no address to ask from: connect EADDRNOTAVAIL 10.0.0.1:80",
      },
      {
        "outcome": "unknown",
        "reason": "no local port is free (net.ipv4.ip_local_port_range): bind EADDRINUSE 198.18.0.1",
      },
      {
        "outcome": "unknown",
        "reason": "the director has no file descriptor left (LimitNOFILE, ulimit -n): connect EMFILE 10.0.0.1:80",
      },
      {
        "outcome": "unknown",
        "reason": "no process can be started (TasksMax, ulimit -u): spawn EAGAIN",
      },
      {
        "outcome": "bad",
        "reason": "connect ECONNREFUSED 10.0.0.1:80",
      },
    ]
  `);
});
