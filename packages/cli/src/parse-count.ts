// A whole number among a command's options.
import { InvalidArgumentError } from "commander";

/** A parser of whole numbers from 1 to `maximum`, for commander. */
export function parseCount(maximum: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (!/^\d{1,9}$/.test(text) || count < 1 || count > maximum) {
      throw new InvalidArgumentError(`It must be a whole number, 1–${maximum}.`);
    }
    return count;
  };
}
