// What the road notes where a packet is to be answered instead of forwarded. The answer itself is written in one place
// of the program, at the end of the road.

import { type Bool, type Int, u32, type Variable, variable } from "@yardmaster/ebpf";

/**
 * What a packet is answered with; 0 in a program: nothing. A server whose packet belongs to no connection is told so by
 * `serverUnreachable`: port unreachable, from the director's own address.
 */
export const answers = { portUnreachable: 1, timeExceeded: 2, tooBig: 3, reset: 4, serverUnreachable: 5 } as const;
export type AnswerName = keyof typeof answers;
/** Bits that hold the number of an answer. */
const ANSWER_BITS = 3;

/** The note of one packet. */
export class Refusal {
  /** The answer's number in the low bits, the MTU that it tells above. */
  readonly #note: Variable<Int<"u32">>;

  constructor(note: Int<"u32"> = u32(0)) {
    this.#note = variable(note);
  }

  /** What a function that answers is told. */
  get note(): Int<"u32"> {
    return this.#note.get();
  }

  /** What a function has noted that reads the packet itself. */
  set note(note: Int<"u32">) {
    this.#note.set(note);
  }

  /** `mtu` is what errors about it tell, in bytes. */
  set(answer: AnswerName, mtu?: Int<"u32">): void {
    const number = answers[answer];
    this.#note.set(mtu === undefined ? u32(number) : mtu.shl(ANSWER_BITS).or(number));
  }

  get isSet(): Bool {
    return this.#note.get().ne(0);
  }

  is(answer: AnswerName): Bool {
    return this.#note
      .get()
      .and((1 << ANSWER_BITS) - 1)
      .eq(answers[answer]);
  }

  get mtu(): Int<"u32"> {
    return this.#note.get().shr(ANSWER_BITS);
  }
}
