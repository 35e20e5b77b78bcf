// From a check as it is written to the exchange that does it. A kind of check has a file of its own and a line here.
import type { Probe } from "../model/check.ts";
import { command } from "./command.ts";
import { dns } from "./dns.ts";
import type { Begin } from "./exchange.ts";
import { grpc } from "./grpc.ts";
import { http } from "./http.ts";
import { tcp, tls } from "./tcp.ts";
import { udp } from "./udp.ts";

/** What does a probe. */
export function beginOf(probe: Probe): Begin {
  switch (probe.kind) {
    case "tcp":
      return tcp;
    case "tls":
      return tls(probe);
    case "http":
    case "https":
      return http(probe);
    case "dns":
      return dns(probe);
    case "udp":
      return udp(probe);
    case "grpc":
      return grpc(probe);
    case "command":
      return command(probe);
  }
}
