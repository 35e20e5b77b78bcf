// `npm run oracle -- FILE...`: replays recordings of a kernel's IPVS on Yardmaster's own programs in this kernel.
import { missingPrivileges } from "@yardmaster/linux";
import { ensureCommands } from "../../scripts/system-packages.ts";
import { DirectorSubjects } from "./director-subject.ts";
import { createNetwork } from "./network.ts";
import { oracle } from "./oracle.ts";

const writeError = (text: string): void => void process.stderr.write(text);

async function main(args: readonly string[]): Promise<number> {
  const missing = missingPrivileges() ?? ensureCommands(["ip"]);
  if (missing !== undefined) {
    writeError(`replaying recordings: ${missing}\n`);
    return 2;
  }
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
  using subjects = new DirectorSubjects();
  return await oracle(args, {
    create: subjects.create,
    abilities: new Set(["forwarding by nat", "forwarding by dr", "forwarding by tun"]),
    createNetwork,
    signal: stop.signal,
    write: (text) => void process.stdout.write(text),
    writeError,
  });
}

process.exitCode = await main(process.argv.slice(2));
