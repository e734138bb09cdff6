/**
 * A protobuf codec small enough to be read in one sitting and independent of the product's, so that a mistake
 * in the product's codec cannot hide itself from the suites. Absent scalars decode to their default, absent
 * messages to `undefined`; unknown fields are an error, since a suite must notice them.
 */
export interface Field<In, Out> {
  readonly number: number;
  readonly repeated: boolean;
  /** 0 varint, 2 length-delimited. */
  readonly wireType: 0 | 2;
  /** The value of an absent field. */
  readonly absent: () => Out;
  readonly isDefault: (value: In) => boolean;
  readonly write: (out: number[], value: In) => void;
  readonly read: (input: Reader) => Out;
}

type AnyField = Field<never, unknown>;
type Fields = Readonly<Record<string, AnyField>>;
export type InputOf<F extends Fields> = {
  [K in keyof F]?: F[K] extends Field<infer In, unknown> ? In | undefined : never;
};
export type OutputOf<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<never, infer Out> ? Out : never;
};

export interface MessageType<In, Out> {
  encode(value: In): Buffer;
  decode(bytes: Uint8Array): Out;
}

class Reader {
  readonly bytes: Buffer;
  at = 0;
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
  varint(): bigint {
    let shift = 0n;
    let value = 0n;
    for (;;) {
      const byte = this.bytes[this.at++];
      if (byte === undefined || shift > 63n) throw new Error("bad varint");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
      shift += 7n;
    }
  }
  chunk(): Buffer {
    const length = Number(this.varint());
    if (this.at + length > this.bytes.length) throw new Error("truncated field");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

function writeVarint(out: number[], value: bigint): void {
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
}

function writeChunk(out: number[], bytes: Uint8Array): void {
  writeVarint(out, BigInt(bytes.length));
  for (const byte of bytes) out.push(byte);
}

type Scalar<In, Out> = (number: number) => Field<In, Out>;

function varintField<In, Out>(
  absent: Out,
  toBig: (value: In) => bigint,
  fromBig: (value: bigint) => Out,
): Scalar<In, Out> {
  return (number) => ({
    number,
    repeated: false,
    wireType: 0,
    absent: () => absent,
    isDefault: (value) => toBig(value) === 0n,
    write: (out, value) => writeVarint(out, toBig(value)),
    read: (input) => fromBig(input.varint()),
  });
}

/** int64 that is a number to the suites: revisions, counts, limits. bigint is accepted for extreme values. */
export const int = varintField<number | bigint, number>(0, BigInt, (value) =>
  Number(BigInt.asIntN(64, value)),
);
/** int64 of 64 opaque bits: lease ids, watch ids. */
export const int64 = varintField<number | bigint, bigint>(0n, BigInt, (value) => BigInt.asIntN(64, value));
export const uint64 = varintField<number | bigint, bigint>(0n, BigInt, (value) => value);
export const bool = varintField<boolean, boolean>(
  false,
  (value) => (value ? 1n : 0n),
  (value) => value !== 0n,
);

/** Strings are accepted for convenience and written as UTF-8. */
export const bytes: Scalar<string | Uint8Array, Buffer> = (number) => ({
  number,
  repeated: false,
  wireType: 2,
  absent: () => Buffer.alloc(0),
  isDefault: (value) => value.length === 0,
  write: (out, value) => writeChunk(out, typeof value === "string" ? Buffer.from(value) : value),
  read: (input) => Buffer.from(input.chunk()),
});

export const text: Scalar<string, string> = (number) => ({
  number,
  repeated: false,
  wireType: 2,
  absent: () => "",
  isDefault: (value) => value === "",
  write: (out, value) => writeChunk(out, Buffer.from(value)),
  read: (input) => input.chunk().toString("utf8"),
});

/** Singular message; `type` is a function because messages may contain themselves. */
export function sub<In, Out>(number: number, type: () => MessageType<In, Out>): Field<In, Out | undefined> {
  return {
    number,
    repeated: false,
    wireType: 2,
    absent: () => undefined,
    isDefault: () => false,
    write: (out, value) => writeChunk(out, type().encode(value)),
    read: (input) => type().decode(input.chunk()),
  };
}

export function repeated<In, Out>(field: Field<In, Out>): Field<readonly In[], Exclude<Out, undefined>[]> {
  return {
    number: field.number,
    repeated: true,
    wireType: field.wireType,
    absent: () => [],
    isDefault: () => false,
    write: (out, values) => {
      for (const value of values) {
        writeVarint(out, BigInt((field.number << 3) | field.wireType));
        field.write(out, value);
      }
    },
    read: (input) => [field.read(input) as Exclude<Out, undefined>],
  };
}

export function message<F extends Fields>(name: string, fields: F): MessageType<InputOf<F>, OutputOf<F>> {
  const ordered = Object.entries(fields).sort(([, a], [, b]) => a.number - b.number);
  const byNumber = new Map(ordered.map(([key, field]) => [field.number, { key, field }]));
  return {
    encode(value) {
      const out: number[] = [];
      const given = value as Readonly<Record<string, unknown>>;
      for (const [key, field] of ordered) {
        const fieldValue = given[key];
        if (fieldValue === undefined || field.isDefault(fieldValue as never)) continue;
        if (!field.repeated) writeVarint(out, BigInt((field.number << 3) | field.wireType));
        field.write(out, fieldValue as never);
      }
      return Buffer.from(out);
    },
    decode(encoded) {
      const reader = new Reader(Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length));
      const result: Record<string, unknown> = {};
      for (const [key, field] of ordered) result[key] = field.absent();
      while (reader.at < reader.bytes.length) {
        const tag = Number(reader.varint());
        const known = byNumber.get(tag >> 3);
        if (known === undefined) throw new Error(`${name}: unknown field ${tag >> 3}`);
        const { key, field } = known;
        if ((tag & 7) === 2 && field.wireType === 0 && field.repeated) {
          const packed = new Reader(reader.chunk());
          while (packed.at < packed.bytes.length)
            (result[key] as unknown[]).push(...(field.read(packed) as unknown[]));
          continue;
        }
        if ((tag & 7) !== field.wireType) throw new Error(`${name}.${key}: wire type ${tag & 7}`);
        const fieldValue = field.read(reader);
        if (field.repeated) (result[key] as unknown[]).push(...(fieldValue as unknown[]));
        else result[key] = fieldValue;
      }
      return result as OutputOf<F>;
    },
  };
}
