// Addresses between the text that people write and the words that programs know.

import { type AddressWords, families, type FamilyName, LONGEST } from "@yardmaster/dataplane";
import { addressFromWords, addressWords, formatAddress } from "@yardmaster/packet";

const BITS_PER_WORD = 32;

/** The family of an address in text. */
export function familyOf(text: string): FamilyName {
  return text.includes(":") ? "ipv6" : "ipv4";
}

/** As many words as the longest address has; what an IPv4 address lacks is 0. */
export function paddedWords(text: string): number[] {
  const words = addressWords(text);
  return [...words, ...new Array<number>(LONGEST - words.length).fill(0)];
}

/** The exclusive or of an address's words, as schedulers hash it. */
export function addressFold(text: string): number {
  return addressWords(text).reduce((fold, word) => (fold ^ word) >>> 0, 0);
}

/** The text of an address of this family; words beyond its length are not looked at. */
export function addressText(words: AddressWords, family: FamilyName): string {
  return formatAddress(addressFromWords(words.slice(0, families[family].words)));
}

/** An address and a port as text: `192.0.2.1:80`, `[2001:db8::1]:80`. */
export function endpointText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A prefix with its length as people write it: an address alone where it is one. */
export function prefixText(prefix: string): string {
  const [address = "", length] = prefix.split("/");
  return length === String(addressWords(address).length * BITS_PER_WORD) ? address : prefix;
}
