import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { fc } from "@quorate/testkit/property";
import { decodeHuffman, encodeHuffman, huffmanLength, INVALID_HUFFMAN } from "./huffman.ts";

const vectors = [
  { text: "www.example.com", hex: "f1e3c2e5f23a6ba0ab90f4ff" },
  { text: "no-cache", hex: "a8eb10649cbf" },
  { text: "custom-value", hex: "25a849e95bb8e8b4bf" },
  { text: "Mon, 21 Oct 2013 20:13:21 GMT", hex: "d07abe941054d444a8200595040b8166e082a62d1bff" },
];
for (const { text, hex } of vectors) {
  test(`"${text}" is coded as in RFC 7541 Appendix C`, () => {
    const encoded = Buffer.alloc(64);
    const length = encodeHuffman(text, encoded, 0);
    assert.equal(encoded.toString("hex", 0, length), hex);
    assert.equal(huffmanLength(text), length);
    const decoded = Buffer.alloc(64);
    assert.equal(decoded.toString("latin1", 0, decodeHuffman(encoded, 0, length, decoded)), text);
  });
}

const refused = [
  { name: "padding of a whole octet", octets: [0xff] },
  { name: "the end-of-string symbol", octets: [0xff, 0xff, 0xff, 0xff] },
  { name: "padding that is not all ones", octets: [0x00] },
];
for (const { name, octets } of refused) {
  test(`${name} is refused`, () => {
    assert.equal(
      decodeHuffman(Uint8Array.from(octets), 0, octets.length, new Uint8Array(32)),
      INVALID_HUFFMAN,
    );
  });
}

test("every octet string survives coding and decoding", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      const text = Buffer.from(octets).toString("latin1");
      const encoded = new Uint8Array(text.length * 4 + 4);
      const length = encodeHuffman(text, encoded, 0);
      const decoded = new Uint8Array(length * 2);
      assert.equal(decodeHuffman(encoded, 0, length, decoded), octets.length);
      assert.deepEqual(decoded.slice(0, octets.length), octets);
    }),
  );
});

test("decoding arbitrary octets ends and stays within 8/5 of their length", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      const decoded = new Uint8Array(Math.ceil((octets.length * 8) / 5));
      assert.ok(decodeHuffman(octets, 0, octets.length, decoded) <= decoded.length);
    }),
  );
});
