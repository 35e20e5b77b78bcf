// Judges the scenario `tools`: every request is answered, by all servers in turn; logs show the clients where the
// method promises it; a bulk transfer gets through both ways. Pure.
import type { Expectation } from "../lab-report.ts";
import type { LabLayout } from "../layout.ts";
import { serverNames } from "../layout.ts";
import type { BulkTransfer, ToolRequests, ToolsMeasurement } from "./tools-report.ts";

/** Less than any link carries in a second: what is asked is that segments of full size get through at all. */
const leastBulkBytes = 1_000_000;

/** Everything that must hold. */
export function judgeTools(
  { serversSee }: Pick<LabLayout, "serversSee">,
  { web, names, bulk }: ToolsMeasurement,
): readonly Expectation[] {
  return [
    ...judgeRequests("nginx", web, serversSee.tcp),
    ...judgeRequests("dnsmasq", names, serversSee.udp),
    ...bulk.map(judgeBulk),
  ];
}

function judgeRequests(name: string, requests: ToolRequests, seen: "client" | "director"): readonly Expectation[] {
  const { asked, answered, byServer, failures, logged, loggedAsClient } = requests;
  const words = failures.length === 0 ? "" : `; ${failures.join("; ")}`;
  const shares = serverNames.map((server) => byServer[server] ?? 0);
  const wanted = seen === "client" ? logged : 0;
  return [
    { what: `${name} answers every request`, met: answered === asked, detail: `${answered} of ${asked}${words}` },
    {
      what: `${name}: requests are shared equally`,
      met: shares.every((share) => share === asked / serverNames.length),
      detail: shares.join(":"),
    },
    {
      what: `${name}'s log shows ${seen === "client" ? "clients' own addresses" : "the director's addresses"}`,
      // A question may have been asked twice.
      met: logged >= asked && loggedAsClient === wanted,
      detail: `clients' own in ${loggedAsClient} of ${logged} lines`,
    },
  ];
}

function judgeBulk({ direction, bytes, failure }: BulkTransfer): Expectation {
  return {
    what: `iperf3 sends in bulk ${direction}`,
    met: failure === undefined && bytes >= leastBulkBytes,
    detail: failure ?? `${bytes} bytes`,
  };
}
