// Netlink messages and attributes: what is built is read back, what cannot be is refused.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Attributes, buildMessage, HEADER_SIZE, parseMessages } from "./message.ts";

const header = { type: 18, flags: 1, sequence: 7 };

test("attributes survive building and reading, whatever their lengths", () => {
  const values = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 5 });
  fc.assert(
    fc.property(values, (list) => {
      const bytes = buildMessage(
        header,
        new Uint8Array(5),
        list.map((value, type) => ({ type, value })),
      );
      const [message, ...more] = [...parseMessages(bytes)];
      expect(more).toEqual([]);
      expect(message).toMatchObject(header);
      const attributes = new Attributes(message?.payload ?? new DataView(new ArrayBuffer(0)), 8);
      list.forEach((value, type) => {
        expect(attributes.bytes(type)).toEqual(value);
      });
    }),
  );
});

test("several messages in one datagram", () => {
  const one = buildMessage(header, new Uint8Array(4), []);
  const two = buildMessage({ ...header, sequence: 8 }, new Uint8Array(8), []);
  const datagram = Uint8Array.from([...one, ...two]);
  expect([...parseMessages(datagram)].map(({ sequence, payload }) => [sequence, payload.byteLength])).toEqual([
    [7, 4],
    [8, 8],
  ]);
});

test("typed attributes", () => {
  const inner = buildMessage(header, new Uint8Array(0), [{ type: 1, value: Buffer.from("veth\0") }]);
  const bytes = buildMessage(header, new Uint8Array(0), [
    { type: 4, value: Uint8Array.of(0x78, 5, 0, 0) },
    // NLA_F_NESTED is no part of the type.
    { type: 18 | 0x8000, value: inner.subarray(HEADER_SIZE) },
  ]);
  const attributes = new Attributes(new DataView(bytes.buffer), HEADER_SIZE);
  expect(attributes.u32(4)).toBe(1400);
  expect(attributes.u8(4)).toBe(0x78);
  expect(attributes.nested(18)?.text(1)).toBe("veth");
  expect([attributes.u32(99), attributes.text(99), attributes.nested(99)]).toEqual([undefined, undefined, undefined]);
});

test("lengths that cannot be are refused", () => {
  const bytes = buildMessage(header, new Uint8Array(0), [{ type: 1, value: new Uint8Array(4) }]);
  const tooLong = Uint8Array.from(bytes);
  tooLong[0] = 200;
  expect(() => [...parseMessages(tooLong)]).toThrow("its length 200 does not fit a datagram of 24");
  const badAttribute = new DataView(Uint8Array.of(2, 0, 1, 0).buffer);
  expect(() => new Attributes(badAttribute)).toThrow("the length 2 at byte 0 cannot be");
});
