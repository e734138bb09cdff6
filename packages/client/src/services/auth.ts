import {
  AuthDisableRequest,
  AuthDisableResponse,
  AuthEnableRequest,
  AuthEnableResponse,
  AuthRoleAddRequest,
  AuthRoleAddResponse,
  AuthRoleDeleteRequest,
  AuthRoleDeleteResponse,
  AuthRoleGetRequest,
  AuthRoleGetResponse,
  AuthRoleGrantPermissionRequest,
  AuthRoleGrantPermissionResponse,
  AuthRoleListRequest,
  AuthRoleListResponse,
  AuthRoleRevokePermissionRequest,
  AuthRoleRevokePermissionResponse,
  AuthStatusRequest,
  AuthStatusResponse,
  AuthUserAddRequest,
  AuthUserAddResponse,
  AuthUserChangePasswordRequest,
  AuthUserChangePasswordResponse,
  AuthUserDeleteRequest,
  AuthUserDeleteResponse,
  AuthUserGetRequest,
  AuthUserGetResponse,
  AuthUserGrantRoleRequest,
  AuthUserGrantRoleResponse,
  AuthUserListRequest,
  AuthUserListResponse,
  AuthUserRevokeRoleRequest,
  AuthUserRevokeRoleResponse,
  type Init,
} from "@quorate/wire/messages";
import { type Calls, method } from "../connection/calls.ts";
import type { RequestOptions } from "../connection/deadline.ts";

const ENABLE = method("Auth", "AuthEnable", AuthEnableRequest, AuthEnableResponse, "once");
const DISABLE = method("Auth", "AuthDisable", AuthDisableRequest, AuthDisableResponse, "once");
const STATUS = method("Auth", "AuthStatus", AuthStatusRequest, AuthStatusResponse, "safe");
const ADD_USER = method("Auth", "UserAdd", AuthUserAddRequest, AuthUserAddResponse, "once");
const DELETE_USER = method("Auth", "UserDelete", AuthUserDeleteRequest, AuthUserDeleteResponse, "once");
const GET_USER = method("Auth", "UserGet", AuthUserGetRequest, AuthUserGetResponse, "safe");
const LIST_USERS = method("Auth", "UserList", AuthUserListRequest, AuthUserListResponse, "safe");
const CHANGE_PASSWORD = method(
  "Auth",
  "UserChangePassword",
  AuthUserChangePasswordRequest,
  AuthUserChangePasswordResponse,
  "once",
);
const GRANT_ROLE = method(
  "Auth",
  "UserGrantRole",
  AuthUserGrantRoleRequest,
  AuthUserGrantRoleResponse,
  "once",
);
const REVOKE_ROLE = method(
  "Auth",
  "UserRevokeRole",
  AuthUserRevokeRoleRequest,
  AuthUserRevokeRoleResponse,
  "once",
);
const ADD_ROLE = method("Auth", "RoleAdd", AuthRoleAddRequest, AuthRoleAddResponse, "once");
const DELETE_ROLE = method("Auth", "RoleDelete", AuthRoleDeleteRequest, AuthRoleDeleteResponse, "once");
const GET_ROLE = method("Auth", "RoleGet", AuthRoleGetRequest, AuthRoleGetResponse, "safe");
const LIST_ROLES = method("Auth", "RoleList", AuthRoleListRequest, AuthRoleListResponse, "safe");
const GRANT_PERMISSION = method(
  "Auth",
  "RoleGrantPermission",
  AuthRoleGrantPermissionRequest,
  AuthRoleGrantPermissionResponse,
  "once",
);
const REVOKE_PERMISSION = method(
  "Auth",
  "RoleRevokePermission",
  AuthRoleRevokePermissionRequest,
  AuthRoleRevokePermissionResponse,
  "once",
);

/** Users, roles and permissions. Every method rejects with a ClientError. */
export class Auth {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  enable(options?: RequestOptions): Promise<AuthEnableResponse> {
    return this.#calls.unary(ENABLE, {}, options);
  }

  disable(options?: RequestOptions): Promise<AuthDisableResponse> {
    return this.#calls.unary(DISABLE, {}, options);
  }

  status(options?: RequestOptions): Promise<AuthStatusResponse> {
    return this.#calls.unary(STATUS, {}, options);
  }

  addUser(request: Init<AuthUserAddRequest>, options?: RequestOptions): Promise<AuthUserAddResponse> {
    return this.#calls.unary(ADD_USER, request, options);
  }

  deleteUser(
    request: Init<AuthUserDeleteRequest>,
    options?: RequestOptions,
  ): Promise<AuthUserDeleteResponse> {
    return this.#calls.unary(DELETE_USER, request, options);
  }

  getUser(request: Init<AuthUserGetRequest>, options?: RequestOptions): Promise<AuthUserGetResponse> {
    return this.#calls.unary(GET_USER, request, options);
  }

  listUsers(options?: RequestOptions): Promise<AuthUserListResponse> {
    return this.#calls.unary(LIST_USERS, {}, options);
  }

  changePassword(
    request: Init<AuthUserChangePasswordRequest>,
    options?: RequestOptions,
  ): Promise<AuthUserChangePasswordResponse> {
    return this.#calls.unary(CHANGE_PASSWORD, request, options);
  }

  grantRole(
    request: Init<AuthUserGrantRoleRequest>,
    options?: RequestOptions,
  ): Promise<AuthUserGrantRoleResponse> {
    return this.#calls.unary(GRANT_ROLE, request, options);
  }

  revokeRole(
    request: Init<AuthUserRevokeRoleRequest>,
    options?: RequestOptions,
  ): Promise<AuthUserRevokeRoleResponse> {
    return this.#calls.unary(REVOKE_ROLE, request, options);
  }

  addRole(request: Init<AuthRoleAddRequest>, options?: RequestOptions): Promise<AuthRoleAddResponse> {
    return this.#calls.unary(ADD_ROLE, request, options);
  }

  deleteRole(
    request: Init<AuthRoleDeleteRequest>,
    options?: RequestOptions,
  ): Promise<AuthRoleDeleteResponse> {
    return this.#calls.unary(DELETE_ROLE, request, options);
  }

  getRole(request: Init<AuthRoleGetRequest>, options?: RequestOptions): Promise<AuthRoleGetResponse> {
    return this.#calls.unary(GET_ROLE, request, options);
  }

  listRoles(options?: RequestOptions): Promise<AuthRoleListResponse> {
    return this.#calls.unary(LIST_ROLES, {}, options);
  }

  grantPermission(
    request: Init<AuthRoleGrantPermissionRequest>,
    options?: RequestOptions,
  ): Promise<AuthRoleGrantPermissionResponse> {
    return this.#calls.unary(GRANT_PERMISSION, request, options);
  }

  revokePermission(
    request: Init<AuthRoleRevokePermissionRequest>,
    options?: RequestOptions,
  ): Promise<AuthRoleRevokePermissionResponse> {
    return this.#calls.unary(REVOKE_PERMISSION, request, options);
  }
}
