// An engine with a clock of the test's, and servers of which the test says which are good.
import { bad, type Begin, good } from "../../src/health/exchange.ts";
import type { HealthCheck } from "../../src/model/check.ts";
import { parseConfiguration } from "../../src/config/parse-configuration.ts";
import type { VirtualService } from "../../src/model/virtual-service.ts";
import { FakeClock } from "./fake-clock.ts";

/** What checks find, by address and port. */
export class CheckBench {
  readonly clock = new FakeClock();
  readonly sick = new Set<string>();
  /** Exchanges that were begun, by address and port. */
  readonly asked: string[] = [];
  open = 0;

  readonly beginOf = (_probe: HealthCheck["probe"]): Begin => {
    return ({ address, port }, done) => {
      const server = `${address}:${port}`;
      this.asked.push(server);
      this.open += 1;
      const cancel = this.clock.timer(1, () => done(this.sick.has(server) ? bad("sick") : good("well")));
      return {
        close: () => {
          cancel();
          this.open -= 1;
        },
        waitingFor: () => "no answer",
      };
    };
  };
}

/** The services of a configuration's text. */
export function servicesOf(text: string): readonly VirtualService[] {
  return parseConfiguration(text, "y.yaml").configuration.services;
}
