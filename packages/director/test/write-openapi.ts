// Writes packages/director/openapi.json anew: `node packages/director/test/write-openapi.ts`, then `npm run format`.
import { writeFileSync } from "node:fs";
import { openApiDocument } from "../src/api/openapi.ts";

const path = new URL("../openapi.json", import.meta.url);
writeFileSync(path, `${JSON.stringify(openApiDocument(), undefined, 2)}\n`);
