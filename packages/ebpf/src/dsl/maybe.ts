// Something that may be absent: a header beyond the packet's end, an entry that is not in the map.
// It has no fields until absence has been dealt with.

import { BuildError } from "./build-error.ts";
import { guard, type Otherwise, when } from "./control.ts";
import { callerPosition } from "./position.ts";
import type { Bool, Int } from "./scalar.ts";
import type { Reason, Verdict } from "./verdict.ts";

/** A `T` or nothing. */
export class Maybe<T> {
  readonly #present: Bool;
  readonly #get: () => T;

  constructor(present: Bool, get: () => T) {
    this.#present = present;
    this.#get = get;
  }

  /** The value; packets without it leave with "pass". */
  orPass(reason?: Reason): T {
    guard(this.#present).orPass(reason);
    return this.#get();
  }
  /** The value; packets without it leave with "drop". */
  orDrop(reason: Reason): T {
    guard(this.#present).orDrop(reason);
    return this.#get();
  }
  /** The value; packets without it leave with `verdict`. */
  orLeave(verdict: Verdict): T {
    guard(this.#present).orLeave(verdict);
    return this.#get();
  }
  /** Inside functions: the value; without it the function returns `value`. */
  orReturn(value: Int | number): T {
    guard(this.#present).orReturn(value);
    return this.#get();
  }
  /** Runs `body` with the value where there is one; chain `.otherwise` for where there is none. */
  // oxlint-disable-next-line unicorn/no-thenable
  then(body: (value: T) => void): Otherwise {
    return when(this.#present, () => body(this.#get()));
  }

  [Symbol.toPrimitive](): never {
    throw new BuildError(
      "YM_BUILD_COERCION",
      "a Maybe was used as a JavaScript value; use .then(…) or .orPass()",
      callerPosition(),
    );
  }
}
