// Which checks a server gets.
import type { HealthCheck } from "../model/check.ts";
import type { Destination, VirtualService } from "../model/virtual-service.ts";

/** The checks that a server gets in its service. */
export function checksOf({ health }: VirtualService, server: Destination): readonly HealthCheck[] {
  return health === undefined || server.isSorry === true ? [] : (server.checks ?? health.checks);
}
