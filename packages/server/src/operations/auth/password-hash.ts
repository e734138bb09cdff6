import { RequestError } from "../../errors.ts";

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * The hash in an entry, which is text of base64 there. Entries of members before 3.5 hold a password instead: such a user
 * has none until it gets another one, as no member makes up what others cannot know.
 */
export function hashOf(hashedPassword: string): Uint8Array {
  // Line ends are passed over, as by Go.
  const text = hashedPassword.replace(/[\r\n]/g, "");
  if (!BASE64.test(text)) throw new RequestError("NO_PASSWORD_USER");
  return Buffer.from(text, "base64");
}
