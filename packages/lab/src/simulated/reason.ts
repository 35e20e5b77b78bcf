// Whether the lab must be simulated here, and why: the first words of its output.

/** What decides. */
export interface Surroundings {
  /** `--simulate` was given. */
  readonly isAsked: boolean;
  /** As `process.platform`. */
  readonly platform: string;
  /** As `process.getuid()`; undefined where users have no numbers. */
  readonly userId: number | undefined;
}

/** Why the network is to be simulated, as the begin of a sentence, or undefined where the real lab can run. */
export function reasonToSimulate({ isAsked, platform, userId }: Surroundings): string | undefined {
  if (isAsked) return "As asked (--simulate)";
  if (platform !== "linux") return `Not Linux (${platform})`;
  if (userId !== 0) return "Not root";
  return undefined;
}
