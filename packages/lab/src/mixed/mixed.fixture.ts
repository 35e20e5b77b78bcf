// A mixed scenario in which everything went well, with one service. The tests of judgement and report change it.
import type { MixedMeasurement, MixedResult } from "./mixed-report.ts";

/** Twelve long connections by sed at weights 1:3:8. */
export const goodResult: MixedResult = {
  service: {
    name: "mixed-sed",
    address: "198.51.100.10",
    port: 92,
    protocol: "tcp",
    scheduler: "sed",
    destinations: [1, 3, 8].map((weight, index) => ({
      host: `server${index + 1}`,
      address: `10.0.0.1${index + 1}`,
      port: 8092,
      weight,
    })),
  },
  wanted: { long: 12, short: 24 },
  traffic: {
    longServers: [3, 3, 2, 3, 3, 3, 2, 3, 3, 1, 2, 3].map((number) => `server${number}`),
    short: 24,
    failures: {},
  },
  promised: [1, 3, 8],
  standing: [1, 3, 8].map((count, index) => ({ host: `server${index + 1}`, active: count, inactive: 2, open: count })),
  scheduled: 36,
  ended: [1, 2, 3].map((number) => ({ host: `server${number}`, active: 0, inactive: 0, open: 0 })),
};

/** The scenario with a service. */
export function mixedMeasurement(result: MixedResult): MixedMeasurement {
  return { services: [result], end: { long: 12, stayed: 12, failures: {} } };
}
