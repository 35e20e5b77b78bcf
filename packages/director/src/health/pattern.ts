// Whether an answer has what a check expects in it. A regular expression is the operator's and the text the server's:
// of some pairs matching takes for ever, so it is given little time, and the time is enforced.
import { Script, createContext } from "node:vm";
import type { Pattern } from "../model/check.ts";

/** What a pattern says to a text; a problem is text for people. */
export type Matcher = (text: string) => true | { readonly problem: string };

/** Enough for any sane expression on 64 KiB. */
const MATCH_MS = 20;

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
  return (text) => {
    sandbox.text = text;
    try {
      // The engine looks at the time limit while it backtracks; a plain call would hold up everything else.
      const isMatch = script.runInContext(context, { timeout: MATCH_MS }) === true;
      return isMatch || { problem: `does not match /${matches}/` };
    } catch {
      return { problem: `takes /${matches}/ more than ${MATCH_MS} ms to match: write it with less nesting` };
    } finally {
      sandbox.text = "";
    }
  };
}
