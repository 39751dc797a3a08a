// Starts a background process from the command in argv, prints its number, and ends without waiting for it.
import { startBackground } from "../../../src/os/background/start-background.ts";

const [outputFile = "", ...command] = process.argv.slice(2);
const child = await startBackground({
  command,
  environment: { PATH: process.env["PATH"] ?? "", GREETING: "hello" },
  input: "input\n",
  outputFile,
  workingFolder: "/",
});
process.stdout.write(`${child.pid}\n`);
child.release();
