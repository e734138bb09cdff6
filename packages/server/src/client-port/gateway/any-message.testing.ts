import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { fc } from "@quorate/testkit/property";

/** Arbitrary fields for a message of any schema, as protobuf-es takes them; messages nested to a depth of 3. */
export function anyFields(schema: DescMessage, depth = 3): fc.Arbitrary<Record<string, unknown>> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const member of schema.members) {
    if (member.kind === "oneof") {
      const cases = member.fields
        .filter((field) => depth > 0 || field.message === undefined)
        .map((field) => anySingular(field, depth).map((value) => ({ case: field.localName, value })));
      if (cases.length > 0) fields[member.localName] = fc.oneof(...cases);
    } else if (member.fieldKind === "list") {
      if (depth > 0 || member.message === undefined) {
        fields[member.localName] = fc.array(anySingular(member, depth), { maxLength: 3 });
      }
    } else if (depth > 0 || member.message === undefined) {
      fields[member.localName] = anySingular(member, depth);
    }
  }
  return fc.record(fields, { requiredKeys: [] });
}

function anySingular(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.message !== undefined) return anyFields(field.message, depth - 1);
  if (field.enum !== undefined) {
    return fc.oneof(
      fc.constantFrom(...field.enum.values.map((value) => value.number)),
      fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    );
  }
  switch (field.scalar) {
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 20 });
    case ScalarType.STRING:
      return fc.string({ unit: "grapheme" });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.INT64:
      return fc.oneof(fc.constantFrom(0n, 1n, -1n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
    case ScalarType.UINT64:
      return fc.oneof(fc.constantFrom(0n, 1n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
    case ScalarType.UINT32:
      return fc.integer({ min: 0, max: 2 ** 32 - 1 });
    case ScalarType.INT32:
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    default:
      throw new Error(`no arbitrary value for ${field.toString()}`);
  }
}
