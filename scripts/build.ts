// Compiles src/main.ts into dist/runtunnel for the system we run on; `--outfile` names another place. Executables for
// other systems come from scripts/release.ts.
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { compile, ROOT } from "./release/compile.ts";

const { values } = parseArgs({
  options: { outfile: { type: "string", default: join(ROOT, "dist", "runtunnel") } },
});

await compile({ outfile: resolve(values.outfile) });
console.log(`Built ${values.outfile}`);
