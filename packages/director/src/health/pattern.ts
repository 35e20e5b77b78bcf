// Whether an answer has what a check expects in it. A regular expression is the operator's and the text the server's:
// of some pairs matching takes for ever, so it is given little time, and the time is enforced.
import { Script, createContext } from "node:vm";
import type { Pattern } from "../model/check.ts";

/** What a pattern says to a text; a problem is text for people. */
export type Matcher = (text: string) => true | { readonly problem: string };

/** Enough for any sane expression on 64 KiB. */
const MATCH_MS = 20;
/** A busy machine takes that time away from a sane expression once, hardly several times in a row. */
const ATTEMPTS = 3;

/** The matcher of a pattern. */
export function matcherOf(pattern: Pattern): Matcher {
  if ("contains" in pattern) {
    const { contains } = pattern;
    return (text) => text.includes(contains) || { problem: `does not have ${JSON.stringify(contains)}` };
  }
  const { matches } = pattern;
  const sandbox: { expression: RegExp; text: string } = { expression: new RegExp(matches), text: "" };
  const context = createContext(sandbox);
  const script = new Script("expression.test(text)");
  // The engine looks at the time limit while it backtracks; a plain call would hold up everything else.
  const evaluate = (): boolean | undefined => {
    try {
      return script.runInContext(context, { timeout: MATCH_MS }) === true;
    } catch {
      return undefined;
    }
  };
  return (text) => {
    sandbox.text = text;
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        const isMatch = evaluate();
        if (isMatch !== undefined) return isMatch || { problem: `does not match /${matches}/` };
      }
      return { problem: `takes /${matches}/ more than ${MATCH_MS} ms to match: write it with less nesting` };
    } finally {
      sandbox.text = "";
    }
  };
}
