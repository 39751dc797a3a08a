import { SILENT_LOG } from "../../../src/domain/log.ts";
import { direct } from "../../../src/transports/direct/direct.ts";
import { describeTransport } from "../contract.ts";

describeTransport({
  name: "direct",
  isAvailable: true,
  start: async () => ({
    dialer: direct.open({ transport: "direct", host: "127.0.0.1" }, SILENT_LOG),
    stop: async () => undefined,
  }),
});
