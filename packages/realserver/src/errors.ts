// What goes wrong on a real server for reasons that its administrator can do something about.

/** Stable codes. */
export type RealServerErrorCode =
  | "YM_REALSERVER_USAGE"
  | "YM_REALSERVER_CGROUP"
  | "YM_REALSERVER_INTERFACE"
  | "YM_REALSERVER_SYSCTL"
  | "YM_REALSERVER_BUSY"
  | "YM_REALSERVER_STATE";

/** An error with what was done, what went wrong and what to do in its message. */
export class RealServerError extends Error {
  override readonly name = "RealServerError";
  readonly code: RealServerErrorCode;

  constructor(code: RealServerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
