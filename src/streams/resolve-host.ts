// Names to addresses.
import { lookup } from "node:dns/promises";
import { isIpAddress } from "../domain/endpoint.ts";
import { systemErrorCode, UnreachableError } from "../domain/errors.ts";
import { orAborted } from "./deadline.ts";

/** Asks the system for all addresses of a name, in the order to try them. */
export type Resolver = (host: string) => Promise<readonly string[]>;

/** The system's own resolver, the hosts file included. */
export const systemResolver: Resolver = async (host) => {
  const found = await lookup(host, { all: true });
  return found.map((entry) => entry.address);
};

/** Addresses of a host, never none; families alternate, so that one broken family costs one try only (RFC 8305). */
export async function resolveHost(host: string, resolve: Resolver, signal: AbortSignal): Promise<readonly string[]> {
  if (isIpAddress(host)) return [host];
  const addresses = await orAborted(resolve(host), signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw resolveError(host, error);
  });
  if (addresses.length === 0) throw resolveError(host, undefined);
  return alternateFamilies(addresses);
}

function alternateFamilies(addresses: readonly string[]): readonly string[] {
  const isFirstFamily = (address: string): boolean => address.includes(":") === addresses[0]?.includes(":");
  const first = addresses.filter(isFirstFamily);
  const second = addresses.filter((address) => !isFirstFamily(address));
  return first
    .flatMap((address, index) => [address, ...second.slice(index, index + 1)])
    .concat(second.slice(first.length));
}

function resolveError(host: string, cause: unknown): UnreachableError {
  const isTemporary = systemErrorCode(cause) === "EAI_AGAIN";
  const state = isTemporary ? "the name server does not answer" : "no such name";
  return new UnreachableError(`Cannot find the address of "${host}": ${state}`, {
    code: "dns-failed",
    hop: "dns",
    hint: "Check the name, the network and the VPN",
    cause,
  });
}
