// The contract over our own relay and over websockify.
import { SILENT_LOG } from "../../../src/domain/log.ts";
import { websocket } from "../../../src/transports/websocket/websocket.ts";
import { requirePeer } from "../../support/peers.ts";
import { startWebSocketRelay, startWebsockify, type TestRelay } from "../../support/websocket-relay.ts";
import { describeTransport, type TransportSetup } from "../contract.ts";

async function setUp(start: () => Promise<TestRelay>): Promise<TransportSetup> {
  const relay = await start();
  const dialer = websocket.open({ transport: "websocket", host: "127.0.0.1", via: { url: relay.url } }, SILENT_LOG);
  return { dialer, stop: () => relay.close() };
}

describeTransport({ name: "websocket", isAvailable: true, start: () => setUp(startWebSocketRelay) });

describeTransport({
  name: "websocket over websockify",
  isAvailable: requirePeer("websockify"),
  // It reads both sides whenever it can and queues without bound.
  hasBackpressure: false,
  start: () => setUp(startWebsockify),
});
