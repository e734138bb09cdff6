/** Load in the name of a user: authentication is enabled for it, and disabled again. */
import { GrpcClient } from "@quorate/rpc/client";
import { Code, GrpcError } from "@quorate/rpc/status";
import { decode, encode } from "@quorate/wire";
import {
  AuthenticateRequestSchema,
  AuthenticateResponseSchema,
  AuthRoleAddRequestSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthUserAddRequestSchema,
  AuthUserGrantRoleRequestSchema,
} from "@quorate/wire/etcdserverpb";

const PASSWORD = "password";
const ROOT = "root";
/** May read and write the keys of the load, and some others. */
const USER = "user";
const GRANTED = [
  ["a", "b"],
  ["key/", "key0"],
  ["x", ""],
] as const;
const READWRITE = 2;
const NO_MESSAGE = new Uint8Array(0);

/** Runs `load` with the token of a user while authentication is enabled at `endpoint`. */
export async function asUser<T>(endpoint: string, load: (token: string) => Promise<T>): Promise<T> {
  const client = await GrpcClient.connect({ address: endpoint });
  const ask = (method: string, message: Uint8Array, token?: string): Promise<Uint8Array> => {
    const metadata = token === undefined ? {} : { token };
    return client.unary(`/etcdserverpb.Auth/${method}`, message, { metadata });
  };
  const login = async (name: string): Promise<string> => {
    const request = encode(AuthenticateRequestSchema, { name, password: PASSWORD });
    return decode(AuthenticateResponseSchema, await ask("Authenticate", request)).token;
  };
  try {
    await addUsers(ask);
    await ask("AuthEnable", NO_MESSAGE);
    try {
      return await load(await login(USER));
    } finally {
      await ask("AuthDisable", NO_MESSAGE, await login(ROOT));
    }
  } finally {
    client.close();
  }
}

/** Those that are there from an earlier round stay as they are. */
async function addUsers(ask: (method: string, message: Uint8Array) => Promise<unknown>): Promise<void> {
  const make = async (method: string, message: Uint8Array): Promise<void> => {
    try {
      await ask(method, message);
    } catch (error) {
      if (!(error instanceof GrpcError) || error.code !== Code.FAILED_PRECONDITION) throw error;
    }
  };
  for (const name of [ROOT, USER]) {
    await make("UserAdd", encode(AuthUserAddRequestSchema, { name, password: PASSWORD }));
  }
  await make("RoleAdd", encode(AuthRoleAddRequestSchema, { name: USER }));
  for (const [key, rangeEnd] of GRANTED) {
    const perm = { permType: READWRITE, key: Buffer.from(key), rangeEnd: Buffer.from(rangeEnd) };
    await make("RoleGrantPermission", encode(AuthRoleGrantPermissionRequestSchema, { name: USER, perm }));
  }
  for (const [user, role] of [
    [ROOT, ROOT],
    [USER, USER],
  ]) {
    await make("UserGrantRole", encode(AuthUserGrantRoleRequestSchema, { user: user!, role: role! }));
  }
}
