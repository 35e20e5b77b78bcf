// `yardmaster ipvsadm …`, or this program under the name ipvsadm: ipvsadm's grammar and formats, carried out by the
// running director. The words are ipvsadm's own, so that the command line's parser has no part in them.
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import type { IpvsadmPorts } from "@yardmaster/leaving-ipvs";
import type { Command } from "commander";
import { localNames } from "../local-names.ts";

/** Lists the command in the help; its words do not come by here (ipvsadmWords). */
export function addIpvsadmCommand(program: Command): void {
  program
    .command("ipvsadm")
    .description("ipvsadm's commands, carried out by the running director: ipvsadm -h lists them")
    .argument("[words...]", "as ipvsadm has them; YARDMASTER_SOCKET names the director's socket")
    .helpOption(false)
    .allowUnknownOption();
}

/** The words of ipvsadm in a command line, `argv` as in process.argv; undefined: it is none of ipvsadm's. */
export function ipvsadmWords([, program = "", ...words]: readonly string[]): readonly string[] | undefined {
  if (basename(program) === "ipvsadm") return words;
  return words[0] === "ipvsadm" ? words.slice(1) : undefined;
}

/** Carries the words out, prints what ipvsadm would, and returns its exit status. Throws where no director answers. */
export async function runIpvsadmWords(words: readonly string[]): Promise<number> {
  const { runIpvsadm } = await import("@yardmaster/leaving-ipvs");
  const { output, errors, status } = await runIpvsadm(words, await directorPorts());
  process.stdout.write(output);
  process.stderr.write(errors);
  return status;
}

async function directorPorts(): Promise<IpvsadmPorts> {
  const { connectionLimits, createClient, DirectorError, resolveSocketPath } = await import("@yardmaster/director");
  const { ChangedMeanwhile } = await import("@yardmaster/leaving-ipvs");
  const client = createClient(resolveSocketPath());
  return {
    read: () => client.configuration(),
    write: async (configuration, revision) => {
      try {
        await client.apply(configuration, { revision });
      } catch (error) {
        if (error instanceof DirectorError && error.code === "YM_CHANGE_REVISION") throw new ChangedMeanwhile();
        throw error;
      }
    },
    status: () => client.status(),
    zero: (service) => client.zeroCounters(service),
    connections: () => client.connections(connectionLimits.maximum),
    input: () => text(process.stdin),
    names: localNames(),
  };
}
