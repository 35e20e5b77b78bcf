// Two CPUs at once, at every access to a map.

import { describe, test } from "vitest";
import { connectionMeetings } from "./two-cpus/connections.ts";
import { crossEverywhere } from "./two-cpus/crossing.ts";
import { localPortMeetings } from "./two-cpus/local-ports.ts";
import { templateMeetings } from "./two-cpus/templates.ts";

describe("connections", () => test.each(connectionMeetings)("$name", crossEverywhere));
describe("local ports", () => test.each(localPortMeetings)("$name", crossEverywhere));
describe("templates", () => test.each(templateMeetings)("$name", crossEverywhere));
