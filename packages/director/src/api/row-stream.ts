// Long lists as answers: written piece by piece as fast as they are read, so that neither side has to hold them.
import { setImmediate as nextTurn } from "node:timers/promises";

/** Characters of one piece. */
const PIECE = 64 * 1024;

/** How rows stand in a text. */
export interface RowFormat {
  readonly type: string;
  readonly open: string;
  readonly between: string;
  readonly close: string;
}

/** A JSON object with one field that has the rows. */
export function listFormat(field: string): RowFormat {
  return { type: "application/json", open: `{${JSON.stringify(field)}:[`, between: ",", close: "]}" };
}

/** Each row as JSON in a line of its own (https://github.com/ndjson/ndjson-spec). */
export const lineFormat: RowFormat = { type: "application/x-ndjson", open: "", between: "\n", close: "\n" };

/**
 * The rows as a body: a text where it is short, else a stream. What the first rows throw is thrown at once; if later
 * ones do, the answer breaks off. The iterator is closed when nobody reads on.
 */
export function rowBody(rows: Iterable<unknown>, format: RowFormat): string | ReadableStream<Uint8Array> {
  const pieces = piecesOf(rows, format);
  const first = pieces.next();
  if (first.done === true || first.value.length < PIECE) return first.value ?? "";
  const encoder = new TextEncoder();
  let piece: IteratorResult<string, undefined> | undefined = first;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // Who reads fast does not keep everything else waiting.
        await nextTurn();
        const step: IteratorResult<string, undefined> = piece ?? pieces.next();
        piece = undefined;
        if (step.done === true) controller.close();
        else controller.enqueue(encoder.encode(step.value));
      },
      cancel() {
        pieces.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

function* piecesOf(rows: Iterable<unknown>, { open, between, close }: RowFormat): Generator<string, undefined> {
  let text = open;
  let isFirst = true;
  for (const row of rows) {
    text += `${isFirst ? "" : between}${JSON.stringify(row)}`;
    isFirst = false;
    if (text.length < PIECE) continue;
    yield text;
    text = "";
  }
  yield isFirst && open === "" ? "" : text + close;
  return undefined;
}
