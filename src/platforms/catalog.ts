// The platforms we ship.
import { createCloudPipeline } from "./cloud-pipeline/cloud-pipeline.ts";
import { createPlainHost } from "./plain-host/plain-host.ts";
import type { Platform } from "./platform.ts";

const cloudPipeline = createCloudPipeline();

/** All platforms, in the order in which they are listed to people. */
export const platforms: readonly Platform[] = [
  cloudPipeline.platform,
  createPlainHost({ edgeRoute: cloudPipeline.edgeRoute }),
];
