import type { Message, NodeId } from "@quorate/raft";
import {
  type Backend,
  buildParts,
  ClusterDuties,
  configFromOptions,
  connectToMembers,
  createServices,
  electionTimeoutMs,
  findIdentity,
  type GatewayBackend,
  hastenElection,
  LeaderMonitor,
  localCalls,
  type MemberParts,
  type MemberStorage,
  openStorage,
  type PlainHandler,
  peerEndpoints,
  publish,
  RequestDefects,
  requestTimeoutMs,
  type ServerConfig,
} from "@quorate/server/simulation";
import { Life } from "./life.ts";
import type { Machine } from "./machine.ts";
import { memberLog } from "./member-log.ts";
import type { MemberObserver } from "./member-observer.ts";
import { ProcessDisk } from "./process-disk.ts";
import { SimulatedPeerRequests } from "./simulated-peer-requests.ts";
import { type Endpoint, SimulatedTransport } from "./simulated-transport.ts";
import type { World } from "./world.ts";

/**
 * One member from its start to its end: what `Member` does, over simulated surroundings and without listeners. Fails
 * as a process does: all at once.
 */
export class Process implements Endpoint {
  readonly address: string;
  readonly name: string;
  readonly config: ServerConfig;
  readonly life: Life;
  storage: MemberStorage | undefined;
  parts: MemberParts | undefined;
  transport: SimulatedTransport | undefined;
  observer: MemberObserver | undefined;
  /** Answers other members' single requests, from when the peer listener is open. */
  peerHandler: PlainHandler | undefined;
  /** Takes clients' calls, from when the member serves. */
  calls: GatewayBackend | undefined;
  /** What the checks have seen of it. */
  seenRevision = 0;
  seenIndex = 0;
  /** The highest revision that it has told a client of. */
  told = 0;
  readonly #world: World;
  readonly #machine: Machine;
  readonly #disk: ProcessDisk;
  readonly #stopping = new AbortController();
  #duties: ClusterDuties | undefined;
  #storeRestored = false;

  constructor(world: World, machine: Machine) {
    this.#world = world;
    this.#machine = machine;
    this.address = machine.address;
    this.name = machine.name;
    this.config = configFromOptions(machine.options);
    this.life = new Life(world.time, machine.skew, {
      entered: () => world.entered(this),
      onThrow: (error) => this.fail(error),
      step: () => world.step(),
    });
    this.#disk = new ProcessDisk(machine.mount(), this.life, machine.diskUnderWay);
  }

  get localId(): NodeId | undefined {
    return this.storage?.localId;
  }

  /** Its state may be looked at. */
  get isRestored(): boolean {
    return this.#storeRestored;
  }

  get isServing(): boolean {
    return this.life.isAlive && this.calls !== undefined;
  }

  get isLeader(): boolean {
    return this.life.isAlive && this.parts?.consensus.isLeader === true;
  }

  get machine(): Machine {
    return this.#machine;
  }

  sending(message: Message): void {
    this.observer?.sending(message);
  }

  isRemoved(id: NodeId): boolean {
    return this.storage?.membership.isRemoved(id) ?? false;
  }

  start(): void {
    this.life.enter(() => {
      this.#start().catch((error: Error) => {
        // A start that is told to stop ends with whatever it was waiting for.
        if (!this.#stopping.signal.aborted) this.fail(error);
      });
    });
  }

  /** Stops the member as a signal would: leadership is handed over, everything is made durable. */
  stop(): void {
    if (this.#stopping.signal.aborted) return;
    this.life.enter(() => {
      if (this.#stopping.signal.aborted) return;
      this.#stop().catch((error: Error) => this.fail(error));
    });
  }

  fail(error: Error): void {
    if (this.life.isAlive) this.#world.processFailed(this, error);
  }

  async #start(): Promise<void> {
    const { config } = this;
    const { clock } = this.life;
    const log = memberLog(this.#world, this.name, this.address);
    const peerRequests = new SimulatedPeerRequests(this.#world, this.address, this.life);
    const storage = await openStorage({
      config,
      disk: this.#disk,
      openBackend: (path) => this.#openBackend(path),
      walSegmentBytes: this.#machine.walSegmentBytes,
      importReceived: (index, path) => this.#machine.importReceived(this.#disk, index, path, config),
      findReceivedFault: (path, index) => this.#machine.findReceivedFault(this.#disk, path, index),
      findIdentity: () =>
        findIdentity(config, {
          requests: peerRequests,
          log,
          requestTimeoutMs: requestTimeoutMs(config),
          createResolver: () => async (host) => host,
        }),
      log,
    });
    this.storage = storage;
    const parts = buildParts({
      config,
      storage,
      clock,
      random: this.#machine.random.fork(),
      disk: this.#disk,
      log,
      peerRequests,
      createTransport: (events) => {
        this.transport = new SimulatedTransport(this.#world, this, storage.localId, events);
        return this.transport;
      },
      openReceived: async (index) => {
        const path = `${config.dataDir}/member/snap/tmp-received-db`;
        await this.#machine.importReceived(this.#disk, index, path, config);
        return this.#openBackend(path);
      },
      findReceivedFault: (path, index) => this.#machine.findReceivedFault(this.#disk, path, index),
      fail: (error) => this.fail(error),
      removed: () => this.#world.processRemoved(this),
      leaderCommitted: () => this.#duties?.leaderCommitted(),
    });
    this.parts = parts;
    this.observer = this.#world.observerOf(this.#machine, storage, parts);
    this.#world.plantInMember(this, parts);
    const hasLeader = () => parts.consensus.leader !== 0n;
    const leaderMonitor = new LeaderMonitor(clock, electionTimeoutMs(config), hasLeader);
    this.#duties = new ClusterDuties(parts.context, parts.compaction);
    await this.#restoreState(parts);
    this.peerHandler = peerEndpoints(parts.context);
    for (const remote of storage.remotes) parts.transport.addRemote(remote.id, remote.peerUrls);
    connectToMembers(parts.transport, storage);
    this.#tick(parts);
    parts.consensus.start();
    this.#duties.start();
    await hastenElection({ config, storage, parts, clock });
    await publish(parts.context, this.#stopping.signal);
    const services = createServices(parts.context, leaderMonitor);
    const defects = new RequestDefects(log, (error) => this.fail(error));
    this.calls = localCalls(services, clock, parts.context.maxReceiveBytes, (error, path) =>
      defects.report(error, path),
    );
    this.#world.note(`${this.name} serves`);
  }

  async #openBackend(path: string): Promise<Backend> {
    return this.#machine.openDatabase(path, this.config);
  }

  async #restoreState({ lessor, store, context }: MemberParts): Promise<void> {
    lessor.restore(context.backend.entries("lease"));
    context.alarms.restore();
    await store.restore((key, lease) => {
      lessor.restoreAttachment(key, lease);
    });
    this.#storeRestored = true;
  }

  #tick(parts: MemberParts): void {
    this.life.clock.setTimer(this.config.heartbeatMs, () => {
      this.#tick(parts);
      this.#guard(() => {
        parts.consensus.tick();
        parts.compaction.check();
      });
    });
  }

  #guard(run: () => void): void {
    if (!this.life.isAlive) return;
    try {
      run();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  async #stop(): Promise<void> {
    const { storage, parts } = this;
    this.calls = undefined;
    this.#stopping.abort();
    if (storage !== undefined && parts !== undefined) {
      await this.#duties?.handLeadershipOver();
      this.#duties?.stop();
      parts.snapshotSender.stop();
      await parts.transport.close();
      await parts.consensus.stop();
      parts.lessor.demote();
      await parts.compaction.stop();
      await parts.store.close();
      await storage.wal.close();
      await storage.backend.close();
    }
    this.#world.processEnded(this);
  }
}
