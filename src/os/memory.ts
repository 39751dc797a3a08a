// Memory at rest: a tunnel idles for days, what its start needed should not stay with it.

/** Gives back what the garbage collector and the allocator hold but nobody uses. Takes a few milliseconds. */
export function releaseMemory(): void {
  Bun.gc(true);
  Bun.shrink();
}
