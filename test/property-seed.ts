// Loaded before every test file: property tests draw from one seed, so that a run tells about the change and not
// about luck. YARDMASTER_PROPERTY_SEED tries another one; a failure prints the seed and the path to its example.
import fc from "fast-check";

const seed = Number(process.env["YARDMASTER_PROPERTY_SEED"] ?? 1);
if (!Number.isInteger(seed)) throw new Error(`YARDMASTER_PROPERTY_SEED: "${seed}" is no whole number`);
fc.configureGlobal({ seed });
