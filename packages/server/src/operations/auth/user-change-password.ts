import {
  AuthUserChangePasswordRequestSchema,
  AuthUserChangePasswordResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation, ofAdministrators } from "./auth-operation.ts";
import { hashOf } from "./password-hash.ts";

/** `Auth.UserChangePassword`; as in `USER_ADD` it is the hash that comes. */
export const USER_CHANGE_PASSWORD = authOperation({
  field: InternalField.authUserChangePassword,
  request: AuthUserChangePasswordRequestSchema,
  response: AuthUserChangePasswordResponseSchema,
  needsWhenApplied: ofAdministrators,
  apply({ auth, tokens }, { name, hashedPassword }) {
    auth.changePassword(name, () => hashOf(hashedPassword));
    tokens.dropUser(name);
    return {};
  },
});
