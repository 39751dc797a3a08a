// Figures as people read them. Pure.
import { formatDuration } from "../domain/duration.ts";
import { connectHost, formatEndpoint } from "../domain/endpoint.ts";
import type { UiTunnel } from "./api.ts";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `0 B`, `1.5 KiB`, `340 MiB`. */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (Math.round(value) >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 9.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** Bytes per second. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** A round trip: `0.4 ms`, `12 ms`, `1.3 s`. */
export function formatRoundTrip(ms: number): string {
  if (ms < 0.05) return "0 ms";
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms.toFixed(ms < 9.95 ? 1 : 0)} ms`;
}

/** How long ago: `3m 5s ago`, `just now`. */
export function formatAgo(at: number, now: number): string {
  return now - at < 1000 ? "just now" : `${formatDuration(now - at)} ago`;
}

/** `127.0.0.1:4567`; IPv6 in brackets. An address that means all is reached by loopback. */
export function localAddress(tunnel: Pick<UiTunnel, "listenAddress">, port: number): string {
  return formatEndpoint({ host: connectHost(tunnel.listenAddress), port });
}

/** `1 connection`, `2 connections`. */
export function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}
