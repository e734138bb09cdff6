import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

/** A JSON schema. */
export type Schema = { readonly [name: string]: unknown };

/** The schemas of messages as JSON, each under its full name, and of all that lie in them. */
export class MessageSchemas {
  readonly byName: Record<string, Schema> = {};

  /** Refers to a message, whose schema is there from then on. */
  of(message: DescMessage): Schema {
    const name = message.typeName;
    if (this.byName[name] === undefined) {
      // Before its fields: a message may lie in itself.
      this.byName[name] = {};
      const properties = Object.fromEntries(
        message.fields.map((field) => [field.name, this.#ofField(field)]),
      );
      this.byName[name] = { type: "object", properties };
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  #ofField(field: DescField): Schema {
    const element =
      field.message !== undefined
        ? this.of(field.message)
        : field.enum !== undefined
          ? ofEnum(field.enum)
          : SCALARS[field.scalar ?? ScalarType.INT32];
    return field.fieldKind === "list" ? { type: "array", items: element } : element!;
  }
}

/** Names are told, and taken as well as numbers. */
function ofEnum({ values }: DescEnum): Schema {
  return { anyOf: [{ type: "string", enum: values.map(({ name }) => name) }, { type: "integer" }] };
}

const TEXT: Schema = { type: "string" };
const NUMBER: Schema = { type: "integer" };
/** Told as text, which every program takes without loss; taken as a number, too. */
const LONG: Schema = { type: ["string", "integer"], format: "int64" };
const SCALARS: Partial<Record<ScalarType, Schema>> = {
  [ScalarType.BOOL]: { type: "boolean" },
  [ScalarType.BYTES]: { type: "string", contentEncoding: "base64" },
  [ScalarType.STRING]: TEXT,
  [ScalarType.INT32]: NUMBER,
  [ScalarType.UINT32]: NUMBER,
  [ScalarType.INT64]: LONG,
  [ScalarType.UINT64]: LONG,
};
