// The sandbox's Backend.AI with one port of this machine behind every app of its sessions. Prints what a client must
// export, and runs until standard input ends. usage: PORT
import { startBackendAiSandbox } from "../../src/sandbox/backend-ai/backend-ai-sandbox.ts";

const port = Number(process.argv[2]);
const sandbox = await startBackendAiSandbox({ target: () => ({ host: "127.0.0.1", port }) });
process.stdout.write(`${JSON.stringify(sandbox.environment)}\n`);
await Bun.stdin.text();
await sandbox.close();
process.exit();
