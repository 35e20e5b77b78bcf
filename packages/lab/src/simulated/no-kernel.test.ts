// The simulated lab, and simulations of workloads, as processes that may do nothing but read files and compute: no
// addons (so no FFI), no files written, no children, no sockets, none of the modules that talk to the kernel.
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const command = resolve(import.meta.dirname, "../../../cli/bin/yardmaster.js");
const guard = `
  import dgram from "node:dgram";
  import { registerHooks, syncBuiltinESMExports } from "node:module";
  import net from "node:net";
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      if (/koffi|packages\\/linux\\/|ebpf\\/src\\/kernel\\//.test(found.url)) throw new Error("imports " + found.url);
      return found;
    },
  });
  const refuse = () => { throw new Error("opens a socket"); };
  net.Socket.prototype.connect = refuse;
  net.Server.prototype.listen = refuse;
  dgram.createSocket = refuse;
  syncBuiltinESMExports();
`;

/** The command line under guard: status and output. */
function run(...args: readonly string[]): Promise<{ status: unknown; stdout: string; stderr: string }> {
  const preload = `data:text/javascript,${encodeURIComponent(guard)}`;
  const options = ["--permission", "--allow-fs-read=*", "--import", preload, command, ...args];
  return new Promise((done) => {
    execFile(process.execPath, options, (error, stdout, stderr) => {
      done({ status: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

test("runs where nothing is permitted but reading and computing", async () => {
  const { status, stdout, stderr } = await run("lab", "--simulate", "--requests", "12", "--clients", "8");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^As asked[\s\S]*The simulated lab passed\.\n$/);
});

test("workloads are played where nothing more is permitted", async () => {
  const { status, stdout, stderr } = await run("simulate", "--rate", "10/s", "--duration", "5s");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^10\/s poisson for 5s[\s\S]*\nSCHEDULER /);
});

test("the guard itself works: the real lab is stopped at the first module that talks to the kernel", async () => {
  const { status, stderr } = await run("lab", "--list");
  expect(status).toBe(1);
  expect(stderr).toMatch(/imports file:.*\/packages\/(?:linux|ebpf\/src\/kernel)\//);
});
