// Addresses between the text that people write and the words that programs know.

import { type AddressWords, families, type FamilyName, LONGEST } from "@yardmaster/dataplane";
import { formatAddress, parseAddress } from "@yardmaster/packet";

const BYTES_PER_WORD = 4;
const BITS_PER_WORD = 32;

/** The family of an address in text. */
export function familyOf(text: string): FamilyName {
  return text.includes(":") ? "ipv6" : "ipv4";
}

/** The words of an address in text, each as a number in host order: one for IPv4, four for IPv6. */
export function addressWords(text: string): number[] {
  const bytes = parseAddress(text);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / BYTES_PER_WORD }, (_, word) => view.getUint32(word * BYTES_PER_WORD));
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
  const count = families[family].words;
  const bytes = new Uint8Array(count * BYTES_PER_WORD);
  const view = new DataView(bytes.buffer);
  for (let word = 0; word < count; word++) view.setUint32(word * BYTES_PER_WORD, words[word] ?? 0);
  return formatAddress(bytes);
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
