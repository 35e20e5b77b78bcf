// The program on the client's host of a soak: makes requests, tells of each that fails and every second how many there
// were, until it is told to end.
import { Load, type LoadJob, type LoadMessage } from "../soak/load.ts";
import { openHttpConnection } from "./http-connection.ts";

const tell = (message: LoadMessage): void => {
  if (process.connected) process.send?.(message);
};
let load: Load | undefined;

process.on("message", (message: LoadJob | "end") => {
  if (message === "end") {
    void load?.stop().then(() => tell({ kind: "done", count: load?.count ?? never() }));
    return;
  }
  load = new Load(openHttpConnection, message, tell);
  setInterval(() => tell({ kind: "count", count: load?.count ?? never() }), 1000).unref();
});
process.on("disconnect", () => process.exit(0));
process.stdout.write("ready\n");

function never(): never {
  throw new Error("there is no load before a job");
}
