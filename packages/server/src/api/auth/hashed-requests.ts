import { decode, encode } from "@quorate/wire";
import { AuthUserAddRequestSchema, AuthUserChangePasswordRequestSchema } from "@quorate/wire/etcdserverpb";
import type { Waiter } from "../../auth/fair-turns.ts";
import type { Passwords } from "../../auth/passwords.ts";

/** An `AuthUserAddRequest` as it goes into the log: with the hash of its password, which it names itself no longer. */
export async function hashedUser(
  passwords: Passwords,
  message: Uint8Array,
  waiter: Waiter,
): Promise<Uint8Array> {
  const request = decode(AuthUserAddRequestSchema, message);
  const { password } = request;
  request.password = "";
  if (request.options?.noPassword !== true) {
    request.hashedPassword = base64Of(await passwords.hash(password, waiter));
  }
  return encode(AuthUserAddRequestSchema, request);
}

/** As `hashedUser` of an `AuthUserChangePasswordRequest`, which may come with a hash and without a password. */
export async function hashedPassword(
  passwords: Passwords,
  message: Uint8Array,
  waiter: Waiter,
): Promise<Uint8Array> {
  const request = decode(AuthUserChangePasswordRequestSchema, message);
  const { password } = request;
  request.password = "";
  if (password !== "") request.hashedPassword = base64Of(await passwords.hash(password, waiter));
  return encode(AuthUserChangePasswordRequestSchema, request);
}

function base64Of(hash: string): string {
  return Buffer.from(hash, "latin1").toString("base64");
}
