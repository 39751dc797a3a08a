// What a soak does to the sandbox, and what takes it away again.

/** Faults of EDGE and the API, and what takes them away. */
export const FAULTS: readonly (readonly [readonly string[], readonly string[]])[] = [
  [
    ["edge", "down"],
    ["edge", "up"],
  ],
  [
    ["edge", "drop"],
    ["edge", "none"],
  ],
  [
    ["edge", "reset"],
    ["edge", "none"],
  ],
  [
    ["edge", "mute"],
    ["edge", "none"],
  ],
  [
    ["edge", "garbage"],
    ["edge", "none"],
  ],
  [
    ["edge", "endless"],
    ["edge", "none"],
  ],
  [
    ["edge", "status", "502"],
    ["edge", "none"],
  ],
  [
    ["edge", "slow", "5"],
    ["edge", "none"],
  ],
  [
    ["edge", "split", "17"],
    ["edge", "none"],
  ],
  [
    ["edge", "late", "1500"],
    ["edge", "none"],
  ],
  [
    ["api", "down"],
    ["api", "up"],
  ],
  [
    ["pause", "1002"],
    ["resume", "1002"],
  ],
];
