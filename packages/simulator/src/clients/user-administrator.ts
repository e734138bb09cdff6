import type { SeededRandom } from "@quorate/testkit/random";
import { encode } from "@quorate/wire";
import {
  AuthDisableRequestSchema,
  AuthEnableRequestSchema,
  AuthRoleAddRequestSchema,
  AuthRoleDeleteRequestSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthRoleRevokePermissionRequestSchema,
  AuthUserAddRequestSchema,
  AuthUserChangePasswordRequestSchema,
  AuthUserDeleteRequestSchema,
  AuthUserGrantRoleRequestSchema,
  AuthUserRevokeRoleRequestSchema,
} from "@quorate/wire/etcdserverpb";
import type { World } from "../world/world.ts";
import type { Accounts } from "./accounts.ts";
import { Api } from "./api.ts";
import { CallError } from "./calls.ts";
import type { Session } from "./session.ts";

type Change = readonly [method: string, message: Uint8Array];

const ROOT = "root";
const ROLES = ["readers", "writers", "others"];
const RETRY_MS = 50;
const MEAN_PAUSE_MS = 400;
const MEAN_OPEN_MS = 300;
/** What it says when a change has been made, or cannot be. */
const FAILED_PRECONDITION = 9;
/** The same code, though nobody has looked at the change. */
const IS_LEARNER = "etcdserver: rpc not supported for learner";
const { READ, WRITE, READWRITE } = { READ: 0, WRITE: 1, READWRITE: 2 } as const;
/** What workers and holders of leases use, whole and in parts. */
const INTERVALS: readonly (readonly [key: string, end: string])[] = [
  ["r/", "r0"],
  ["r/", "r/3"],
  ["r/3", "r0"],
  ["r/0", ""],
  ["log/", "log0"],
  ["l/", "l0"],
  ["l/", "m"],
  ["log/w1", "\0"],
  ["\0", "\0"],
];

/** Has users and roles, and changes them: what they may do, their passwords, who there is, and whether it matters at all. */
export class UserAdministrator {
  readonly name = "users";
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #session: Session;
  readonly #accounts: Accounts;
  readonly #users: readonly string[];
  #passwords = 0;
  #stopped = false;

  /** `session` is root's, of whom there is nothing yet. */
  constructor(world: World, session: Session, accounts: Accounts, users: readonly string[]) {
    this.#world = world;
    this.#random = world.random.fork();
    this.#session = session;
    this.#accounts = accounts;
    this.#users = users;
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    for (const change of this.#beginnings()) await this.#make(change);
    for (const user of [ROOT, ...this.#users]) await this.#addUser(user);
    await this.#make(["UserGrantRole", encode(AuthUserGrantRoleRequestSchema, { user: ROOT, role: ROOT })]);
    for (const user of this.#users) await this.#make(this.#grantRole(user));
    await this.#enable();
    while (!this.#stopped) {
      await this.#world.time.sleep(this.#random.exponential(MEAN_PAUSE_MS));
      if (!this.#stopped) await this.#change();
    }
  }

  *#beginnings(): Iterable<Change> {
    for (const name of ROLES) yield ["RoleAdd", encode(AuthRoleAddRequestSchema, { name })];
    const [readers, writers] = ROLES;
    yield grant(readers!, READ, INTERVALS[0]!);
    yield grant(writers!, READWRITE, INTERVALS[0]!);
    yield grant(writers!, WRITE, INTERVALS[4]!);
    yield grant(writers!, WRITE, INTERVALS[5]!);
  }

  async #change(): Promise<void> {
    const random = this.#random;
    const user = random.pick(this.#users);
    const role = random.pick(ROLES);
    const roll = random.fraction();
    if (roll < 0.3) {
      await this.#try(grant(role, random.pick([READ, WRITE, READWRITE]), random.pick(INTERVALS)));
    } else if (roll < 0.45) {
      const [key, end] = random.pick(INTERVALS);
      const keys = { key: Buffer.from(key), rangeEnd: Buffer.from(end) };
      await this.#try([
        "RoleRevokePermission",
        encode(AuthRoleRevokePermissionRequestSchema, { role, ...keys }),
      ]);
    } else if (roll < 0.6) await this.#try(this.#grantRole(user));
    else if (roll < 0.7) {
      await this.#try(["UserRevokeRole", encode(AuthUserRevokeRoleRequestSchema, { name: user, role })]);
    } else if (roll < 0.8) await this.#changePassword(random.pick([ROOT, ...this.#users]));
    else if (roll < 0.85) {
      await this.#try(["RoleDelete", encode(AuthRoleDeleteRequestSchema, { role })]);
      await this.#try(["RoleAdd", encode(AuthRoleAddRequestSchema, { name: role })]);
    } else if (roll < 0.92) {
      await this.#try(["UserDelete", encode(AuthUserDeleteRequestSchema, { name: user })]);
      await this.#addUser(user);
      await this.#try(this.#grantRole(user));
    } else {
      await this.#try(["AuthDisable", encode(AuthDisableRequestSchema, {})]);
      await this.#world.time.sleep(random.exponential(MEAN_OPEN_MS));
      await this.#enable();
    }
  }

  #enable(): Promise<void> {
    return this.#make(["AuthEnable", encode(AuthEnableRequestSchema, {})]);
  }

  #grantRole(user: string): Change {
    return [
      "UserGrantRole",
      encode(AuthUserGrantRoleRequestSchema, { user, role: this.#random.pick(ROLES) }),
    ];
  }

  /** One that there may still be keeps its password, which is then not the new one. */
  async #addUser(name: string): Promise<void> {
    const password = this.#newPassword(name);
    await this.#make(["UserAdd", encode(AuthUserAddRequestSchema, { name, password })]);
  }

  async #changePassword(name: string): Promise<void> {
    const password = this.#newPassword(name);
    const message = encode(AuthUserChangePasswordRequestSchema, { name, password });
    if ((await this.#try(["UserChangePassword", message])) === "made") this.#accounts.settled(name, password);
  }

  #newPassword(user: string): string {
    const password = `${user}-${++this.#passwords}`;
    this.#accounts.tried(user, password);
    return password;
  }

  /** Until it has been made, or cannot be. */
  async #make(change: Change): Promise<void> {
    while (!this.#stopped && (await this.#try(change)) === undefined) await this.#world.time.sleep(RETRY_MS);
  }

  /** Undefined: whether it will have been made is not known. */
  async #try([method, message]: Change): Promise<"made" | "refused" | undefined> {
    const api = new Api(this.#world, this.#random.pick(this.#world.machines), this.name, this.#session);
    try {
      await api.ask(`Auth/${method}`, message);
      this.#world.count(`users: ${method}`);
      return "made";
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      const isDecided = error.code === FAILED_PRECONDITION && error.message !== IS_LEARNER;
      return isDecided ? "refused" : undefined;
    }
  }
}

function grant(name: string, permType: number, [key, end]: readonly [key: string, end: string]): Change {
  const perm = { permType, key: Buffer.from(key), rangeEnd: Buffer.from(end) };
  return ["RoleGrantPermission", encode(AuthRoleGrantPermissionRequestSchema, { name, perm })];
}
