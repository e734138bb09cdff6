import { AuthUserAddRequestSchema, AuthUserAddResponseSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation, ofAdministrators } from "./auth-operation.ts";
import { checkName } from "./names.ts";
import { hashOf } from "./password-hash.ts";

const NO_HASH = new Uint8Array(0);

/** `Auth.UserAdd`. The password comes as its hash, which the member that was asked has made. */
export const USER_ADD = authOperation({
  field: InternalField.authUserAdd,
  request: AuthUserAddRequestSchema,
  response: AuthUserAddResponseSchema,
  needsWhenApplied: ofAdministrators,
  check: ({ name }) => checkName(name),
  apply({ auth }, { name, hashedPassword, options }) {
    const hash = options?.noPassword === true ? NO_HASH : hashOf(hashedPassword);
    auth.addUser({ name, hash, options });
    return {};
  },
});
