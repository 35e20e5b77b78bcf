// Questions about the kernel that its version does not answer for sure, since distributions carry changes
// back and leave parts out. Each probe has a name and the version that brought the feature, asks once, and
// remembers.

import { release } from "node:os";

/** The kernel lacks something. */
export class UnsupportedFeatureError extends Error {
  override readonly name = "UnsupportedFeatureError";
  readonly code = "YM_UNSUPPORTED_FEATURE";
  readonly feature: string;
  /** "5.9": the version of Linux that brought it. */
  readonly minimumVersion: string;

  constructor(feature: string, minimumVersion: string) {
    const advice = `use one of Linux ${minimumVersion} or later that was built with it`;
    super(`using ${feature}: this kernel (${release()}) does not have it; ${advice}`);
    this.feature = feature;
    this.minimumVersion = minimumVersion;
  }
}

/** A question about the kernel. */
export interface FeatureProbe {
  /** As a noun phrase, for messages: "ring buffer maps". */
  readonly name: string;
  /** "5.9": the version of Linux that brought it. */
  readonly minimumVersion: string;
  /** Asks the kernel, the first time. Throws where it may not ask (see `bpfAccessProblem`). */
  isSupported(): boolean;
  /** Throws UnsupportedFeatureError unless supported. */
  assertSupported(): void;
}

/** A probe that runs `ask` once. An `ask` that throws has no answer and is asked again. */
export function defineProbe(name: string, minimumVersion: string, ask: () => boolean): FeatureProbe {
  let answer: boolean | undefined;
  const isSupported = (): boolean => {
    answer ??= ask();
    return answer;
  };
  return {
    name,
    minimumVersion,
    isSupported,
    assertSupported() {
      if (!isSupported()) throw new UnsupportedFeatureError(name, minimumVersion);
    },
  };
}

/** Whether a kernel release ("6.1.0-18-amd64") is of `minimumVersion` ("6.1") or later. */
export function isKernelAtLeast(minimumVersion: string, kernelRelease: string = release()): boolean {
  const [major = 0, minor = 0] = kernelRelease.split(/[.-]/u).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = minimumVersion.split(".").map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
