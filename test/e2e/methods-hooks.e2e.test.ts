// Every forwarding method at every hook with real TCP, in both families: at tc with the offloads that Linux has by
// default (checksums and segments are left to cards that do not exist), at XDP without. Bodies of some megabytes come
// back as they were sent, small requests are answered, and the server sees whom it should.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Director } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";
import { configurationOf, families, methods, MethodsHost } from "./methods-host.ts";

const bodyLength = 3_000_000;
const smallRequests = 20;

const serverPorts = methods.map(({ serverPort }) => serverPort);
const visits = (["ipv4", "ipv6"] as const).flatMap((family) =>
  methods.map(({ name, port, isDirect }) => {
    const { address, local, client, directClient } = families[family];
    const from = isDirect ? directClient : client;
    return { name: `${name} ${family}`, address, port, from, seen: name === "fullnat" ? local : from };
  }),
);

/** Gives back what it gets, and says who it got it from. */
const serverProgram = `
  const { createServer } = require("node:http");
  let left = ${serverPorts.length};
  for (const port of ${JSON.stringify(serverPorts)}) createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part)).on("end", () => {
      response.setHeader("x-client", request.socket.remoteAddress.replace("::ffff:", "")).end(Buffer.concat(parts));
    });
  }).listen(port, "::", () => --left || console.log("listening"));`;

/** Makes the visits one after the other; says as JSON what came of each. */
const clientProgram = `
  const http = require("node:http");
  const { createHash, randomBytes } = require("node:crypto");
  const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
  const ask = ({ address: host, port, from: localAddress }, body) => new Promise((done) => {
    const options = { host, port, localAddress, agent: false, method: "POST", timeout: 10_000 };
    const request = http.request(options, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part)).on("end", () => {
        const isSame = hash(Buffer.concat(parts)) === hash(body);
        done(isSame ? response.headers["x-client"] : "another body");
      });
    });
    request.on("timeout", () => request.destroy(new Error("no answer"))).on("error", (error) => done(String(error)));
    request.end(body);
  });
  (async () => {
    for (const visit of JSON.parse(process.argv[1])) {
      const seen = [await ask(visit, randomBytes(${bodyLength}))];
      for (let at = 0; at < ${smallRequests} && !/Error/.test(seen[at]); at += 1) {
        seen.push(await ask(visit, Buffer.from("small")));
      }
      console.log(visit.name + ": " + [...new Set(seen)].join(", "));
    }
  })();`;

describe.skipIf(needsRoot)("every method at every hook", () => {
  let hosts: MethodsHost;
  let director: Director | undefined;

  beforeAll(async () => {
    hosts = new MethodsHost();
    await hosts.prepare();
    await hosts.serve(serverProgram);
  });
  afterAll(() => hosts[Symbol.dispose]());

  afterEach(async () => expect((await director?.stop("SIGTERM"))?.status).toBe(0));

  test.each([
    ["tc", true],
    ["xdp", false],
    ["xdp-generic", false],
  ] as const)("hook %s, offloads on: %s", async (hook, hasOffloads) => {
    const { host } = hosts;
    hosts.setOffloads(hasOffloads);
    director = await host.start(configurationOf(hook));
    const { stdout, stderr } = await host.run("client", [
      process.execPath,
      "-e",
      clientProgram,
      JSON.stringify(visits),
    ]);
    expect(stderr).toBe("");
    expect(stdout.trimEnd().split("\n")).toEqual(visits.map(({ name, seen }) => `${name}: ${seen}`));
  });
});
