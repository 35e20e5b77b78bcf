// The program on the lab's client host that mixes long and short connections: does what it is told, one at a time.
import { Mixer, type MixerMessage } from "../mixed/mixer.ts";
import { openHttpConnection } from "./http-connection.ts";

const mixer = new Mixer(openHttpConnection);

process.on("message", (message: MixerMessage) => {
  const done = message.kind === "mix" ? mixer.mix(message.job) : mixer.endAll();
  void done.then((report) => process.send?.(report));
});
process.on("disconnect", () => process.exit(0));
process.stdout.write("ready\n");
