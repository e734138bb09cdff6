import { RequestError } from "../../errors.ts";

/** The longest key of a database file, in bytes: no member could store a longer name. */
const MAX_NAME_BYTES = 32_768;

/** Refuses the name of a user or role that would stop members of etcd. */
export function checkName(name: string): void {
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw new RequestError("REQUEST_TOO_LARGE");
}
