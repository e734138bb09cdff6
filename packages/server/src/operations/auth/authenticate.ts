import { decode, encode } from "@quorate/wire";
import { InternalAuthenticateRequestSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import type { IssuedToken } from "../../auth/tokens.ts";
import { RequestError } from "../../errors.ts";
import { operation } from "../operation.ts";

/** The user whose password the member that was asked has found right, and its chance for a token. */
export interface TokenRequest {
  readonly name: string;
  readonly prefix: string;
}

/** Gives a token to a user; the part of `Auth.Authenticate` that all members take. No password comes with it. */
export const AUTHENTICATE = operation<TokenRequest, IssuedToken>({
  field: InternalField.authenticate,
  decode(bytes, start, end) {
    const message = decode(InternalAuthenticateRequestSchema, bytes.subarray(start, end));
    return { name: message.name, prefix: message.simpleToken };
  },
  runsWhenCorrupt: true,
  apply({ auth, backend, tokens }, { name, prefix }) {
    if (!auth.isEnabled) throw new RequestError("AUTH_NOT_ENABLED");
    const user = auth.user(name);
    if (user === undefined || user.options?.noPassword === true) throw new RequestError("AUTH_FAILED");
    const token = {
      username: name,
      prefix,
      index: backend.consistentIndex - 1,
      authRevision: auth.revision,
    };
    tokens.assigned(token);
    return token;
  },
});

export function encodeTokenRequest({ name, prefix }: TokenRequest): Uint8Array {
  return encode(InternalAuthenticateRequestSchema, { name, simpleToken: prefix });
}
