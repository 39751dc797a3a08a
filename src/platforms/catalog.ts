// The platforms we ship.
import { createBackendAi } from "./backend-ai/backend-ai.ts";
import { createCloudPipeline } from "./cloud-pipeline/cloud-pipeline.ts";
import { createPlainHost } from "./plain-host/plain-host.ts";
import type { Platform } from "./platform.ts";

const cloudPipeline = createCloudPipeline();

/** All platforms, in the order in which they are listed to people. */
export const platforms: readonly Platform[] = [
  cloudPipeline.platform,
  createBackendAi(),
  createPlainHost({ edgeRoute: cloudPipeline.edgeRoute }),
];
