// Configuration files with faults, as short as what is wrong with them, and the faults as short text.
import { ConfigurationError } from "../src/config/fault.ts";
import { parseConfiguration } from "../src/config/parse-configuration.ts";

/** A file with one service whose flow map holds these entries beside good ones. */
export function service(entries: string, servers = "[{ address: 10.0.0.11 }]"): string {
  const rest = ["address: 198.51.100.10", "port: 80", "forwarding: dr"].filter((entry) => {
    const key = entry.slice(0, entry.indexOf(":") + 1);
    return !entries.startsWith(key) && !entries.includes(`, ${key}`);
  });
  const own = entries === "" ? [] : [entries];
  return `services:\n  web: { ${[...own, ...rest, `servers: ${servers}`].join(", ")} }\n`;
}

/** A file with two services that differ in these entries. */
export function twoServices(first: string, second: string): string {
  const rest = "forwarding: dr, servers: [{ address: 10.0.0.11 }]";
  return `services:\n  a: { ${first}, ${rest} }\n  b: { ${second}, ${rest} }\n`;
}

/** A file with marks and a service. */
export function marked(marks: string, entries: string, servers = "[{ address: 10.0.0.11 }]"): string {
  return `director: { marks: ${marks} }\nservices:\n  web: { ${entries}, forwarding: dr, servers: ${servers} }\n`;
}

/** Place and code, message, hint of each fault of a file, a line each. */
export function briefly(text: string): string[] {
  try {
    parseConfiguration(text, "y.yaml");
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.faults.map(({ line, column, code, message, hint }) =>
      [`${line}:${column} ${code}`, `  ${message}`, ...(hint === undefined ? [] : [`  = ${hint}`])].join("\n"),
    );
  }
}

/** The same for each of these files under its name. */
export function explained(cases: Readonly<Record<string, string>>): string {
  const texts = Object.entries(cases).map(([name, text]) => [`# ${name}`, ...briefly(text)].join("\n"));
  return `\n${texts.join("\n")}\n`;
}
