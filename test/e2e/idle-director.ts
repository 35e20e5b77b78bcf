// Stands in for the director where a test is about the lab around it: says that it is ready, answers with an empty
// status, forwards nothing, ends on SIGTERM.
import { createServer } from "node:http";

const socketPath = process.argv[process.argv.indexOf("--socket") + 1];
const status = JSON.stringify({ hooks: [], services: [], verdicts: [] });
const server = createServer((_, response) => response.setHeader("content-type", "application/json").end(status));
server.listen(socketPath, () => process.stdout.write("ready\n"));
process.on("SIGTERM", () => process.exit(0));
