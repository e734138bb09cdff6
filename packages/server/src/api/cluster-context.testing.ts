import type { ConfChange } from "@quorate/raft";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { ManualClock } from "@quorate/testkit/clock";
import { HeaderEncoder } from "@quorate/wire/hot";
import { AlarmStore } from "../alarm/alarm-store.ts";
import { AuthStore } from "../auth/auth-store.ts";
import { Passwords } from "../auth/passwords.ts";
import { SimpleTokens } from "../auth/simple-tokens.ts";
import type { ClusterMember } from "../cluster/member-json.ts";
import { Membership } from "../cluster/membership.ts";
import { RequestIds } from "../cluster/request-ids.ts";
import type { Proposal } from "../consensus/proposal.ts";
import { RequestError } from "../errors.ts";
import type { Lessor } from "../lease/lessor.ts";
import { silentLogger } from "../log/logger.ts";
import { ResponseHeaders } from "../operations/response-headers.ts";
import type { ReplicatedState } from "../operations/state.ts";
import { UserAccess } from "../operations/user-access.ts";
import type { PeerRequest, PeerRequests, PeerResponse } from "../peer/peer-requests.ts";
import type { ApiContext } from "./context.ts";
import { Identities } from "./identities.ts";
import { Measures } from "./measures.ts";
import { ScheduledDefragmentation } from "./scheduled-defragmentation.ts";

export const LOCAL_ID = 1n;
const CLUSTER_ID = 0xc0ffeen;

/** A member as tests write it: started unless `name` is empty, reached at a port of its ID. */
export function testMember(id: number, changed: Partial<ClusterMember> = {}): ClusterMember {
  return {
    id: BigInt(id),
    peerUrls: [`http://10.0.0.${id}:2380`],
    isLearner: false,
    name: `m${id}`,
    clientUrls: [],
    ...changed,
  };
}

/** Answers what `answer` says; a rejection of it is one of the request's. */
export class ScriptedPeers implements PeerRequests {
  readonly asked: { url: string; request: PeerRequest }[] = [];
  answer: (url: string, request: PeerRequest) => Partial<PeerResponse> & { text?: string } = () => {
    throw new Error("connection refused");
  };

  async send(baseUrl: string, request: PeerRequest): Promise<PeerResponse> {
    const url = `${baseUrl}${request.path}`;
    this.asked.push({ url, request });
    const { status = 200, headers = {}, text = "" } = this.answer(url, request);
    return { status, headers, body: Buffer.from(text) };
  }

  close(): void {}
}

/** The parts of a member of a cluster, with consensus and links that tests turn as they like. */
export class ClusterHarness {
  readonly clock = new ManualClock();
  readonly backend = new MemoryBackend({ clock: this.clock });
  readonly membership: Membership;
  readonly peers = new ScriptedPeers();
  /** Since when other members have been reachable, by their ID. */
  readonly active = new Map<bigint, number>();
  readonly confChanges: ConfChange[] = [];
  readonly abandoned: bigint[] = [];
  readonly transfers: bigint[] = [];
  readonly config = {
    strictReconfigCheck: true,
    heartbeatMs: 100,
    downgradeCheckMs: 5_000,
    maxRequestBytes: 1_000_000,
  };
  /** What a transfer does; by default it succeeds at once. */
  onTransfer = (to: bigint) => {
    this.consensus.leader = to;
  };
  /** What becomes of a configuration change; by default it is applied as if it were committed. */
  onConfChange = async (change: ConfChange) => {
    const refusal = this.membership.validate(change);
    if (refusal !== undefined) throw refusal;
    this.membership.applyConfChange(change);
  };
  readonly consensus = {
    leader: LOCAL_ID,
    appliedIndex: 10,
    appliedTerm: 2,
    committedIndex: 10,
    overloaded: false,
    catchesUp: true,
    readError: undefined as Error | undefined,
    proposalError: undefined as Error | undefined,
    matches: new Map<bigint, number>(),
    reads: 0,
    get isLeader(): boolean {
      return this.leader === LOCAL_ID;
    },
    linearizable: async () => {
      this.consensus.reads++;
      if (this.consensus.readError !== undefined) throw this.consensus.readError;
    },
    waitApplied: async () => this.consensus.catchesUp,
    matchIndexes: () => (this.consensus.isLeader ? this.consensus.matches : undefined),
    transferLeadership: (to: bigint) => {
      this.transfers.push(to);
      this.onTransfer(to);
    },
    proposeConfChange: (change: ConfChange) => {
      this.confChanges.push(change);
      return this.onConfChange(change);
    },
    abandonConfChange: (id: bigint) => {
      this.abandoned.push(id);
      this.abandon?.(new RequestError("CANCELED"));
    },
    propose: (proposal: Proposal) => {
      const { proposalError } = this.consensus;
      if (proposalError !== undefined) proposal.fail(proposalError);
      else proposal.apply(this.state);
    },
  };
  readonly auth = new AuthStore(this.backend);
  readonly tokens = new SimpleTokens({
    clock: this.clock,
    random: { below: (limit) => this.backend.consistentIndex % limit },
    ttlMs: 300_000,
    appliedIndex: () => this.consensus.appliedIndex,
    untilApplied: async () => {},
  });
  readonly access = new UserAccess(this.auth, { visitKeys: () => {} } as unknown as Lessor);
  readonly state: ReplicatedState;
  readonly context: ApiContext;
  /** Ends the change that hangs (see `hang`). */
  abandon: ((error: Error) => void) | undefined;

  constructor(members: readonly ClusterMember[]) {
    this.membership = new Membership(this.backend, CLUSTER_ID, LOCAL_ID);
    for (const member of members) this.membership.applyAdd(member);
    this.state = {
      membership: this.membership,
      backend: this.backend,
      alarms: new AlarmStore(this.backend),
      store: { currentRevision: 5 },
      auth: this.auth,
      tokens: this.tokens,
      access: this.access,
    } as unknown as ReplicatedState;
    this.clock.advance(60_000);
    this.context = {
      config: this.config,
      consensus: this.consensus,
      store: this.state.store,
      auth: this.auth,
      tokens: this.tokens,
      passwords: new Passwords(4),
      identities: new Identities({ auth: this.auth, tokens: this.tokens, usesCertificates: false }),
      access: this.access,
      quota: { fits: () => true },
      defragmentation: new ScheduledDefragmentation({
        backend: this.backend,
        clock: this.clock,
        log: silentLogger,
      }),
      membership: this.membership,
      backend: this.backend,
      clock: this.clock,
      ids: new RequestIds(LOCAL_ID, 1_700_000_000_000),
      headers: new ResponseHeaders(
        new HeaderEncoder(CLUSTER_ID, LOCAL_ID),
        CLUSTER_ID,
        LOCAL_ID,
        this.consensus,
      ),
      log: silentLogger,
      measures: new Measures(this.clock),
      peerRequests: this.peers,
      transport: { activeSince: (id: bigint) => this.active.get(id) },
      requestTimeoutMs: 7_000,
      electionTimeoutMs: 1_000,
    } as unknown as ApiContext;
  }

  /** All other members have been connected for `ms`. */
  connectAll(ms: number): void {
    for (const { id } of this.membership.members) {
      if (id !== LOCAL_ID) this.active.set(id, this.clock.nowMs() - ms);
    }
  }

  /** Configuration changes get no answer from now on, as when raft drops them in silence. */
  hang(): void {
    this.onConfChange = () =>
      new Promise((_resolve, reject) => {
        this.abandon = reject;
      });
  }

  /** Lets time pass in steps, and what waits for it go on. */
  async advance(ms: number, stepMs = 100): Promise<void> {
    await settle();
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(stepMs);
      await settle();
    }
  }
}

/** Lets everything go on that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** The code that a promise is refused with. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return error instanceof RequestError ? error.code : (error as Error).message;
  }
}
