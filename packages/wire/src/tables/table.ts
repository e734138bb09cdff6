/** What a message is made of, as plain data: so little that a program which starts for one request can afford to load it. */

export const BYTES = 1;
export const STRING = 2;
export const BOOL = 3;
export const INT64 = 4;
export const UINT64 = 5;
/** Also enums. */
export const INT32 = 6;
export const UINT32 = 7;
export const MESSAGE = 8;
/** Added to a kind. */
export const REPEATED = 16;
/** Added to the kind of a scalar that is a member of a oneof: undefined when it is not the one. */
export const ONEOF = 32;
const KIND = 15;

/** Name as in the .proto file, number, kind with what is added to it, and for messages their table. */
export type FieldRow = readonly [name: string, number: number, kind: number, table?: MessageTable<unknown>];

export interface Field {
  /** As in the .proto file; Go's encoding/json has these names. */
  readonly name: string;
  /** The name of the property: underscores are gone, the letters behind them large. */
  readonly property: string;
  readonly number: number;
  readonly kind: number;
  readonly repeated: boolean;
  readonly oneof: boolean;
  readonly table: MessageTable<unknown> | undefined;
}

/** The fields of a message, in the order of the .proto file. `Message` is the type of what is decoded with it. */
export class MessageTable<Message> {
  /** Full name: `etcdserverpb.RangeRequest`. */
  readonly name: string;
  /** Only for the type checker. */
  declare readonly message: Message;
  readonly #rows: () => readonly FieldRow[];
  #fields: readonly Field[] | undefined;
  #byNumber: ReadonlyMap<number, Field> | undefined;

  constructor(name: string, rows: () => readonly FieldRow[]) {
    this.name = name;
    this.#rows = rows;
  }

  /** Made when they are needed for the first time: few messages of all are. */
  get fields(): readonly Field[] {
    this.#fields ??= this.#rows().map(([name, number, kind, table]) => ({
      name,
      property: name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      number,
      kind: kind & KIND,
      repeated: (kind & REPEATED) !== 0,
      oneof: (kind & ONEOF) !== 0,
      table,
    }));
    return this.#fields;
  }

  get byNumber(): ReadonlyMap<number, Field> {
    this.#byNumber ??= new Map(this.fields.map((field) => [field.number, field]));
    return this.#byNumber;
  }
}

/** What may be given for a message: fields may be left out, text stand for bytes, and numbers for 64-bit integers. */
export type Init<Message> = { readonly [Name in keyof Message]?: InitValue<Message[Name]> | undefined };

type InitValue<Value> = Value extends bigint
  ? bigint | number
  : Value extends Uint8Array
    ? Uint8Array | string
    : Value extends readonly (infer Element)[]
      ? readonly InitValue<Element>[]
      : Value extends object
        ? Init<Value>
        : Value;
