// Long work that others need not wait for: it is done in pieces, and between them everything else has its turn.

import { setImmediate as turn } from "node:timers/promises";

/** How long others wait at most, if a single piece takes no longer. */
const TURN_MS = 5;

/** Takes all pieces one after the other and returns what comes out. */
export function atOnce<Result>(pieces: Generator<unknown, Result>): Result {
  for (;;) {
    const step = pieces.next();
    if (step.done === true) return step.value;
  }
}

/** The same in turns with everything else. */
export async function inTurns<Result>(pieces: Generator<unknown, Result>): Promise<Result> {
  for (let until = performance.now() + TURN_MS; ; ) {
    const step = pieces.next();
    if (step.done === true) return step.value;
    if (performance.now() < until) continue;
    await turn();
    until = performance.now() + TURN_MS;
  }
}

/** Characters that are sent together. */
const CHUNK = 65_536;

/** Text that is made while it is sent, no faster than it is read, in turns with everything else. */
export function textStream(parts: Iterator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const until = performance.now() + TURN_MS;
    let text = "";
    let isDone = false;
    // Something at least: who reads is not asked again for a turn that gave nothing.
    do {
      const part = parts.next();
      isDone = part.done === true;
      if (part.done !== true) text += part.value;
    } while (!isDone && (text === "" || (text.length < CHUNK && performance.now() < until)));
    if (text !== "") controller.enqueue(encoder.encode(text));
    if (isDone) controller.close();
    else await turn();
  };
  return new ReadableStream<Uint8Array>({ pull, cancel: () => void parts.return?.() }, { highWaterMark: 0 });
}

/** JSON of an object, element by element where it has lists. */
export function* jsonParts(value: object): Generator<string, void> {
  let before = "{";
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    yield `${before}${JSON.stringify(key)}:`;
    before = ",";
    if (!Array.isArray(member)) {
      yield JSON.stringify(member);
      continue;
    }
    yield "[";
    for (const [at, element] of member.entries()) yield `${at === 0 ? "" : ","}${JSON.stringify(element)}`;
    yield "]";
  }
  yield before === "{" ? "{}" : "}";
}
