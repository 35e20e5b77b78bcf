// How long a program of the lab runs: as long as the lab (it notices by its channel), unless it is told to stay.

let staying = false;

/** Ends this process when the lab is gone, unless the lab has sent "stay" before. Keeps the process up until then. */
export function stayOnRequest(): void {
  process.on("message", (message) => {
    if (message !== "stay") return;
    staying = true;
    // Without its channel nothing may be left that keeps the process up.
    setInterval(() => undefined, 2 ** 30);
    process.send?.("staying");
  });
  process.on("disconnect", () => {
    if (!staying) process.exit(0);
  });
}
