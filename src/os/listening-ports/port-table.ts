// What all systems' tables of listening sockets come down to, and which entry stands in the way of an address. Pure.

/** A socket that listens, as far as the system tells us about it. */
export type ListeningSocket = {
  /** Without brackets; `0.0.0.0`, `::` and, where the family is not told, `*` are all addresses. */
  readonly address: string;
  readonly port: number;
  readonly pid?: number;
  readonly command?: string;
  /** Owner by name, or by number where there is only that. */
  readonly owner?: string;
  readonly uid?: number;
  /** Number of the socket on Linux, which leads to the process. */
  readonly inode?: string;
};

/** The socket that keeps others from listening on this port, at this address if one is given: the one on the very address
 * first, then one on all addresses. */
export function chooseHolder(
  sockets: readonly ListeningSocket[],
  port: number,
  address?: string,
): ListeningSocket | undefined {
  const onPort = sockets.filter((socket) => socket.port === port);
  if (address === undefined || isWildcard(address)) return onPort[0];
  return (
    onPort.find((socket) => socket.address === address) ??
    onPort.find((socket) => isWildcard(socket.address) && isSameFamily(socket.address, address)) ??
    // A socket on :: usually takes IPv4 too; the tables do not say.
    onPort.find((socket) => socket.address === "::")
  );
}

function isWildcard(address: string): boolean {
  return address === "0.0.0.0" || address === "::" || address === "*";
}

function isSameFamily(wildcard: string, address: string): boolean {
  return wildcard === "*" || wildcard.includes(":") === address.includes(":");
}
