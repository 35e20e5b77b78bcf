// The stand-in does what DisposableStack does: both are put through the same steps.
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const original = globalThis.DisposableStack;
let standIn: typeof DisposableStack;

beforeAll(async () => {
  Reflect.deleteProperty(globalThis, "DisposableStack");
  await import("./disposable-stack.ts");
  standIn = globalThis.DisposableStack;
  globalThis.DisposableStack = original;
});
afterAll(() => {
  globalThis.DisposableStack = original;
});

/** What happens, in order. */
function steps(Stack: typeof DisposableStack): readonly string[] {
  const seen: string[] = [];
  const attempt = (name: string, work: () => void): void => {
    try {
      work();
      seen.push(`${name}: done`);
    } catch (error) {
      seen.push(`${name}: ${error instanceof Error ? error.name : String(error)}`);
    }
  };
  const stack = new Stack();
  stack.use({ [Symbol.dispose]: () => seen.push("used") });
  stack.adopt("value", (value) => seen.push(`adopted ${value}`));
  stack.defer(() => seen.push("deferred"));
  stack.use(null);
  attempt("use of what cannot be disposed", () => stack.use({} as Disposable));
  const moved = stack.move();
  seen.push(`${stack.disposed} ${moved.disposed}`);
  attempt("defer after move", () => stack.defer(() => undefined));
  attempt("dispose after move", () => stack.dispose());
  moved.defer(() => {
    throw new RangeError("one fails");
  });
  attempt("dispose", () => moved[Symbol.dispose]());
  attempt("dispose again", () => moved.dispose());
  seen.push(String(moved.disposed));
  return seen;
}

describe("the stand-in for DisposableStack", () => {
  it("is another one", () => expect(standIn).not.toBe(original));

  it("disposes of the last first, of each, and once", () => {
    expect(steps(standIn)).toEqual(steps(original));
    expect(steps(standIn)).toContain("adopted value");
  });
});
