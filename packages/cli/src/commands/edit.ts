// `yardmaster service …` and `yardmaster server …`: single services and servers of the running director, with the keys
// and values of the configuration file.
import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { addDirectorOptions, clientFor, type SocketOptions } from "../director-client.ts";
import { printMade } from "../print-made.ts";

interface EditOptions extends SocketOptions {
  readonly json?: true;
}

/** What is asked of the API. */
interface Change {
  readonly method: "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Adds the commands to the program. */
export function addEditCommands(program: Command): void {
  const service = program.command("service").description("add, change or remove one service of the running director");
  const server = program.command("server").description("add, change or remove one server of a service");
  const add = (to: Command, name: string, description: string): Command =>
    addDirectorOptions(to.command(name).description(description)).option("--json", "print what was changed as JSON");
  add(service, "add <name> <fields...>", "such as: add web address=198.51.100.10 port=80 forwarding=nat").action(
    (name: string, words: readonly string[], options: EditOptions) =>
      make({ method: "POST", path: "/v1/services", fields: { name, ...fieldsOf(words) } }, options),
  );
  add(
    service,
    "edit <name> <fields...>",
    "such as: edit web scheduler=wlc persistence= (takes persistence away)",
  ).action((name: string, words: readonly string[], options: EditOptions) =>
    make({ method: "PATCH", path: pathOf(name), fields: fieldsOf(words) }, options),
  );
  add(service, "remove <name>", "its connections drain, as its `drain` says").action(
    (name: string, options: EditOptions) => make({ method: "DELETE", path: pathOf(name) }, options),
  );
  add(server, "add <service> <address[:port]> [fields...]", "such as: add web 10.0.0.13:8080 weight=2").action(
    (name: string, endpoint: string, words: readonly string[], options: EditOptions) => {
      const fields = { ...endpointFields(endpoint), ...fieldsOf(words) };
      return make({ method: "POST", path: `${pathOf(name)}/servers`, fields }, options);
    },
  );
  add(server, "edit <service> <address[:port]> <fields...>", "such as: edit web 10.0.0.13 weight=0").action(
    (name: string, endpoint: string, words: readonly string[], options: EditOptions) =>
      make({ method: "PATCH", path: serverPath(name, endpoint), fields: fieldsOf(words) }, options),
  );
  add(server, "remove <service> <address[:port]>", "its connections drain, as the service's `drain` says").action(
    (name: string, endpoint: string, options: EditOptions) =>
      make({ method: "DELETE", path: serverPath(name, endpoint) }, options),
  );
}

async function make({ method, path, fields }: Change, options: EditOptions): Promise<void> {
  await printMade(await (await clientFor(options)).change(method, path, fields), options);
}

function pathOf(service: string): string {
  return `/v1/services/${encodeURIComponent(service)}`;
}

function serverPath(service: string, endpoint: string): string {
  return `${pathOf(service)}/servers/${encodeURIComponent(endpoint)}`;
}

/** `key=value` words: values as JSON, or as plain text; nothing behind the sign takes the key away. */
function fieldsOf(words: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    words.map((word): [string, unknown] => {
      const sign = word.indexOf("=");
      if (sign < 1) {
        throw new CliError("YM_CLI_USAGE", `"${word}" is no key=value`, { status: 2, hint: "write weight=2" });
      }
      return [word.slice(0, sign), valueOf(word.slice(sign + 1))];
    }),
  );
}

function valueOf(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** `10.0.0.11`, `10.0.0.11:80`, `2001:db8::1`, `[2001:db8::1]:80`. */
function endpointFields(endpoint: string): { readonly address: string; readonly port?: number } {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(endpoint);
  if (match === null) return { address: endpoint.replace(/^\[(.*)\]$/, "$1") };
  return { address: match[1] ?? match[2] ?? "", port: Number(match[3]) };
}
