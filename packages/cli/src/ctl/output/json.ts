import { BYTES, type Field, MESSAGE, type MessageTable, STRING } from "@quorate/wire/messages";

/** JSON as Go's encoding/json makes it of messages: names of the .proto file, numbers for enums, nothing that is zero. */
export function messageJson(table: MessageTable<unknown>, value: object): string {
  return `{${messageMembers(table, value).join(",")}}`;
}

/** The members of that object, each with its name. */
export function messageMembers(table: MessageTable<unknown>, value: object): string[] {
  const members: string[] = [];
  for (const field of table.fields) {
    const content = (value as Record<string, unknown>)[field.property];
    if (isOmitted(content)) continue;
    members.push(`${jsonText(field.name)}:${fieldJson(field, content)}`);
  }
  return members;
}

function isOmitted(content: unknown): boolean {
  if (content === undefined) return true;
  if (typeof content === "bigint") return content === 0n;
  if (content === 0 || content === false || content === "") return true;
  return (content instanceof Uint8Array || Array.isArray(content)) && content.length === 0;
}

function fieldJson(field: Field, content: unknown): string {
  if (!field.repeated) return valueJson(field, content);
  return `[${(content as readonly unknown[]).map((element) => valueJson(field, element)).join(",")}]`;
}

function valueJson(field: Field, value: unknown): string {
  switch (field.kind) {
    case MESSAGE:
      return messageJson(field.table!, value as object);
    case BYTES:
      return bytesJson(value as Uint8Array);
    case STRING:
      return jsonText(value as string);
    default:
      return String(value);
  }
}

export function bytesJson(bytes: Uint8Array): string {
  return `"${Buffer.from(bytes).toString("base64")}"`;
}

const ESCAPED: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** A string, which may stand in HTML, too. */
export function jsonText(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]/g,
    (character) => ESCAPED[character]!,
  );
}
