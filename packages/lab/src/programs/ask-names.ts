// Asks a name server over UDP, from each of the client's addresses in turn; prints the answers as JSON and ends.
import { Resolver } from "node:dns/promises";
import { isIPv6 } from "node:net";

import { askedName } from "../tools/servers.ts";

/** What to ask. */
interface NameJob {
  /** `198.51.100.10:53` */
  readonly server: string;
  readonly clientAddresses: readonly string[];
  readonly requests: number;
}

/** Who answered, or why nobody did. */
export interface NameAnswer {
  readonly server?: string;
  readonly failure?: string;
}

const { server, clientAddresses, requests } = JSON.parse(process.argv[2] ?? "") as NameJob;
const answers: NameAnswer[] = [];
for (let index = 0; index < requests; index += 1) {
  const address = clientAddresses[index % clientAddresses.length] ?? "";
  const resolver = new Resolver({ timeout: 1_000, tries: 2 });
  resolver.setServers([server]);
  if (isIPv6(address)) resolver.setLocalAddress("0.0.0.0", address);
  else resolver.setLocalAddress(address);
  try {
    const [record] = await resolver.resolveTxt(askedName);
    answers.push({ server: record?.[0] ?? "" });
  } catch (error) {
    answers.push({ failure: (error as NodeJS.ErrnoException).code ?? String(error) });
  }
}
process.stdout.write(JSON.stringify(answers));
