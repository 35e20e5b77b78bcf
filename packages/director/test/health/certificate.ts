// A certificate that nobody vouches for, made anew: X.509 (RFC 5280) in DER, as short as TLS takes it.
import { generateKeyPairSync, sign } from "node:crypto";

const der = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
};
const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts);
const identifier = (hex: string) => der(0x06, Buffer.from(hex, "hex"));

/** ecdsa-with-SHA256 (RFC 5758). */
const algorithm = sequence(identifier("2a8648ce3d040302"));
const utcTime = (text: string) => der(0x17, Buffer.from(text));

/** Key and certificate for `example.org`, as Node's TLS servers take them; good until the end of 2049 unless asked. */
export function certificate(until = new Date("2049-12-31T23:59:59Z")): { readonly key: string; readonly cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const commonName = sequence(identifier("550403"), der(0x0c, Buffer.from("example.org")));
  const name = sequence(der(0x31, commonName));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.of(1)),
    algorithm,
    name,
    sequence(
      utcTime("200101000000Z"),
      utcTime(
        `${until
          .toISOString()
          .replaceAll(/[-:T]|\.\d+/g, "")
          .slice(2)}`,
      ),
    ),
    name,
    publicKey.export({ type: "spki", format: "der" }),
  );
  const signature = sign("sha256", body, privateKey);
  const whole = sequence(body, algorithm, der(0x03, Buffer.of(0), signature));
  const lines = whole.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
  };
}
