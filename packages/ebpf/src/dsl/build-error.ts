// What goes wrong while a program is built: the program's author is told where, in their own file.

import { formatPosition, type SourcePosition } from "../asm/index.ts";

/** Stable codes of build errors; README.md of this package documents each. */
export type BuildErrorCode =
  | "YM_BUILD_COERCION"
  | "YM_BUILD_OUTSIDE"
  | "YM_BUILD_STALE"
  | "YM_BUILD_FOREIGN"
  | "YM_BUILD_RANGE"
  | "YM_BUILD_VERDICT"
  | "YM_BUILD_NAME"
  | "YM_BUILD_UNREACHABLE"
  | "YM_BUILD_FRAME"
  | "YM_BUILD_BRANCH"
  | "YM_BUILD_RECURSION"
  | "YM_BUILD_ARGUMENTS";

/** A mistake in a program's source that types could not catch. */
export class BuildError extends Error {
  override readonly name = "BuildError";
  readonly code: BuildErrorCode;
  /** Where the program did it. */
  readonly position: SourcePosition | undefined;

  constructor(code: BuildErrorCode, message: string, position: SourcePosition | undefined) {
    super(position === undefined ? message : `${formatPosition(position)}: ${message}`);
    this.code = code;
    this.position = position;
  }
}
