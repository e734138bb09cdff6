/** A command line, environment or configuration that cannot be used; `message` is one line that says what to change. */
export class ConfigError extends Error {
  /** Exit code that etcd uses for this kind of mistake: 2 for flag syntax, 1 for everything else. */
  readonly exitCode: 1 | 2;
  /** What it is about, where etcd says that apart from the message. */
  readonly fields: Readonly<Record<string, string>> | undefined;
  constructor(message: string, exitCode: 1 | 2 = 1, fields?: Readonly<Record<string, string>>) {
    super(message);
    this.name = "ConfigError";
    this.exitCode = exitCode;
    this.fields = fields;
  }
}
