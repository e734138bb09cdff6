import type { Backend } from "@quorate/storage/seams/backend";
import type { AlarmStore } from "../alarm/alarm-store.ts";
import type { AuthStore } from "../auth/auth-store.ts";
import type { Tokens } from "../auth/tokens.ts";
import type { Membership } from "../cluster/membership.ts";
import type { Lessor } from "../lease/lessor.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { Access } from "./access.ts";
import type { LastExecuted } from "./operation-times.ts";

/** What entries change. Operations that are being applied are the only writers of it. */
export interface ReplicatedState {
  readonly store: MvccStore;
  readonly lessor: Lessor;
  readonly alarms: AlarmStore;
  readonly membership: Membership;
  readonly backend: Backend;
  readonly auth: AuthStore;
  /** No part of the state, but of what entries do: each member knows for itself what tokens it has been told of. */
  readonly tokens: Tokens;
  readonly access: Access;
  /** For metrics; absent where there are none. */
  readonly executed?: LastExecuted;
}
