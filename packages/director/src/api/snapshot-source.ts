// The seam between the API and the running director: whoever can answer these questions can be shown.
import type { HealthTotals } from "../health/health-keeper.ts";
import type { CheckStatus, ConnectionRow, DirectorStatus } from "./types.ts";

/** Answers with what is true now; errors become problem documents. */
export interface SnapshotSource {
  status(): DirectorStatus | Promise<DirectorStatus>;
  /** At most `limit` entries of the connection table, in no promised order, each read when it is asked for. */
  connections(limit: number): Iterable<ConnectionRow>;
  /** All health checks, in no promised order. */
  checks(): readonly CheckStatus[];
  /** How health stands, in numbers; absent: nothing is checked. */
  health?(): HealthTotals;
}
