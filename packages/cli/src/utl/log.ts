import type { Output } from "../command-line/output.ts";

type Field = string | number | boolean | readonly string[];

/** Tells on standard error what is being done: time, level, program, message and fields, with tabs between, as etcd's tools do. */
export class Log {
  readonly #output: Output;
  readonly #program: string;

  constructor(output: Output, program = "etcdutl") {
    this.#output = output;
    this.#program = program;
  }

  info(message: string, fields: Readonly<Record<string, Field>> = {}): void {
    this.#line("info", message, fields);
  }

  warn(message: string, fields: Readonly<Record<string, Field>> = {}): void {
    this.#line("warn", message, fields);
  }

  #line(level: string, message: string, fields: Readonly<Record<string, Field>>): void {
    const time = new Date().toISOString().replace(/\.\d+/, "");
    const parts = [time, level, this.#program, message];
    if (Object.keys(fields).length > 0) parts.push(fieldsText(fields));
    this.#output.errorLine(parts.join("\t"));
  }
}

/** JSON with a space behind each colon and comma: what reads such lines looks for that. */
function fieldsText(fields: Readonly<Record<string, Field>>): string {
  const members = Object.entries(fields).map(
    ([name, value]) => `${JSON.stringify(name)}: ${valueText(value)}`,
  );
  return `{${members.join(", ")}}`;
}

function valueText(value: Field): string {
  return typeof value === "object"
    ? `[${value.map((each) => JSON.stringify(each)).join(", ")}]`
    : JSON.stringify(value);
}
