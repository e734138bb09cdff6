import { Exit, ExitCode } from "../../command-line/exit.ts";

const NO_SENSE = "the server's answer makes no sense";

/** What every honest server's answer has. Throws Exit when this one has not. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Exit(ExitCode.ERROR, `${NO_SENSE}: it has no ${what}`);
  return value;
}

/** Where the page behind this one begins, whose first key was `from` at the earliest. Throws Exit when it goes nowhere. */
export function keyBehind(from: Uint8Array, kvs: readonly { readonly key: Uint8Array }[]): Uint8Array {
  const last = kvs.at(-1)?.key;
  if (last === undefined || Buffer.compare(last, from) < 0)
    throw new Exit(ExitCode.ERROR, `${NO_SENSE}: there are to be more keys, and none comes`);
  return Buffer.concat([last, Buffer.of(0)]);
}
