// `npm run pictures`: makes the pictures of docs/schedulers.md again, each from the workload file beside it, with the
// command line that people have.
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { main } from "yardmaster";

const folder = resolve(import.meta.dirname, "../docs/schedulers");
const workloads = readdirSync(folder).filter((name) => name.endsWith(".yaml"));

for (const workload of workloads) {
  const file = join(folder, workload);
  const picture = file.replace(/\.yaml$/, ".svg");
  console.log(`── ${workload}`);
  const status = await main(["node", "yardmaster", "simulate", "-f", file, "--chart", picture]);
  if (status !== 0) process.exit(status);
}
