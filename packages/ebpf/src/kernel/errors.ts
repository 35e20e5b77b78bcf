// Errors of using the kernel's objects in a way that cannot work. What the kernel itself refuses is a
// SyscallError, a VerifierError or an XdpAttachError.

/** Stable codes of object errors. */
export type ObjectErrorCode =
  | "YM_MAP_USE"
  | "YM_MAP_MISMATCH"
  | "YM_PROGRAM_MAPS"
  | "YM_PROGRAM_HOOK"
  | "YM_PIN_DIRECTORY"
  | "YM_PIN_KIND";

/** An object was used in a way that its kind does not allow, or is not the object that was expected. */
export class ObjectError extends Error {
  override readonly name = "ObjectError";
  readonly code: ObjectErrorCode;

  constructor(code: ObjectErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
