import { AuthUserListRequestSchema, AuthUserListResponseSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation, ofAdministrators } from "./auth-operation.ts";

/** `Auth.UserList`. */
export const USER_LIST = authOperation({
  field: InternalField.authUserList,
  request: AuthUserListRequestSchema,
  response: AuthUserListResponseSchema,
  needsWhenApplied: ofAdministrators,
  apply: ({ auth }) => ({ users: auth.userNames() }),
});
