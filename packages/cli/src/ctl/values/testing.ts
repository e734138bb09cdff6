/** Messages as they are on the wire, of fields in their order: numbers, text, bytes, or messages within. */
export type WireField = readonly [number: number, value: number | bigint | string | Uint8Array | WireField[]];

export function encodeFields(fields: readonly WireField[]): Buffer {
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === "number" || typeof value === "bigint")
        return Buffer.concat([varint(BigInt(number) << 3n), varint(BigInt(value))]);
      const bytes = Array.isArray(value) ? encodeFields(value) : Buffer.from(value as string);
      return Buffer.concat([varint((BigInt(number) << 3n) | 2n), varint(BigInt(bytes.length)), bytes]);
    }),
  );
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
    if (rest < 0x80n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}

/** As the API server stores an object. */
export function storedObject(apiVersion: string, kind: string, object: WireField[]): Buffer {
  const type: WireField[] = [
    [1, apiVersion],
    [2, kind],
  ];
  const unknown = encodeFields([
    [1, type],
    [2, object],
    [3, ""],
    [4, ""],
  ]);
  return Buffer.concat([Buffer.from("k8s\0"), unknown]);
}
