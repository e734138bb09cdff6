import type { Message, NodeId } from "@quorate/raft";
import {
  configFromOptions,
  DatabaseFiles,
  type GatewayBackend,
  localCalls,
  MemberLife,
  type MemberOptions,
  type MemberParts,
  type MemberStorage,
  type PlainHandler,
  peerEndpoints,
  RequestDefects,
  type ServerConfig,
  type Surroundings,
} from "@quorate/server/simulation";
import { DatabaseDisk } from "@quorate/storage/database/database-disk";
import { inspectFile } from "@quorate/storage/database/inspection";
import type { Disk } from "@quorate/storage/seams/disk";
import { nextTurn } from "@quorate/storage/seams/waiting";
import type { SeededRandom } from "@quorate/testkit/random";
import type { Endpoint } from "./endpoint.ts";
import { type ClockSkew, Life } from "./life.ts";
import { type LogReader, memberLog } from "./member-log.ts";
import type { MemberObserver } from "./member-observer.ts";
import { ProcessDisk } from "./process-disk.ts";
import { simulatedCryptography, TOKEN_KEYS } from "./simulated-cryptography.ts";
import { SimulatedPeerRequests } from "./simulated-peer-requests.ts";
import { SimulatedTransport, type TransportWorld } from "./simulated-transport.ts";

/** Three keys or so: transactions read more than that behind their entries. */
const ENTRY_READ_COST = 1_000;

/** What a process has of the machine that it runs on. */
export interface ProcessHost {
  readonly name: string;
  readonly address: string;
  readonly skew: ClockSkew;
  readonly options: MemberOptions;
  readonly random: SeededRandom;
  /** What the disk has been asked for and has not finished. */
  readonly diskUnderWay: Set<Promise<unknown>>;
  readonly walSegmentBytes: number;
  /** Of a database that is made. */
  readonly pageBytes: number;
  /** As how many bytes each byte counts that waits in memory for the database. */
  readonly backlogWeight: number;
  mount(): Disk;
}

/** What a process has of the world, and reports to it. */
export interface ProcessWorld extends TransportWorld, LogReader {
  /** The process gets to run. */
  entered(process: Process): void;
  processFailed(process: Process, error: Error): void;
  processEnded(process: Process): void;
  processRemoved(process: Process): void;
  /** `process` has its parts, and runs from now on. Returns who observes it. */
  assembled(process: Process, storage: MemberStorage, parts: MemberParts): MemberObserver;
}

/** One life of a member over simulated surroundings. Fails as a process does: all at once. */
export class Process implements Endpoint {
  readonly address: string;
  readonly name: string;
  readonly config: ServerConfig;
  readonly life: Life;
  transport: SimulatedTransport | undefined;
  observer: MemberObserver | undefined;
  /** Answers other members' single requests, from when the peer listener is open. */
  peerHandler: PlainHandler | undefined;
  /** Takes clients' calls, as long as the member serves. */
  calls: GatewayBackend | undefined;
  /** What the checks have seen of it. */
  seenRevision = 0;
  seenIndex = 0;
  /** The highest revision that it has told a client of. */
  told = 0;
  readonly #world: ProcessWorld;
  readonly #machine: ProcessHost;
  readonly #member: MemberLife;
  #isStopping = false;

  constructor(world: ProcessWorld, machine: ProcessHost) {
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
    this.#member = new MemberLife(this.config, this.#surroundings());
  }

  get storage(): MemberStorage | undefined {
    return this.#member.storage;
  }

  get parts(): MemberParts | undefined {
    return this.#member.parts;
  }

  get localId(): NodeId | undefined {
    return this.storage?.localId;
  }

  /** Its state may be looked at. */
  get isRestored(): boolean {
    return this.#member.isRestored;
  }

  get isServing(): boolean {
    return this.life.isAlive && this.calls !== undefined;
  }

  get isLeader(): boolean {
    return this.life.isAlive && this.parts?.consensus.isLeader === true;
  }

  sending(message: Message): void {
    this.observer?.sending(message);
  }

  isRemoved(id: NodeId): boolean {
    return this.storage?.membership.isRemoved(id) ?? false;
  }

  start(): void {
    this.life.enter(() => {
      this.#member.start().catch((error: Error) => {
        // A start that is told to stop ends with whatever it was waiting for.
        if (!this.#isStopping) this.fail(error);
      });
    });
  }

  /** Stops the member as a signal would: leadership is handed over, everything is made durable. */
  stop(): void {
    if (this.#isStopping) return;
    this.life.enter(() => {
      if (this.#isStopping) return;
      this.#isStopping = true;
      this.#member.end().then(
        () => this.#world.processEnded(this),
        (error: Error) => this.fail(error),
      );
    });
  }

  fail(error: Error): void {
    if (this.life.isAlive) this.#world.processFailed(this, error);
  }

  #surroundings(): Surroundings {
    const { config } = this;
    const world = this.#world;
    const machine = this.#machine;
    const disk = new ProcessDisk(machine.mount(), this.life, machine.diskUnderWay);
    const { clock } = this.life;
    const log = memberLog(world, this.name, this.address);
    const { pageBytes, backlogWeight } = machine;
    return {
      clock,
      random: machine.random.fork(),
      disk,
      log,
      databases: new DatabaseFiles({
        config,
        clock,
        disk,
        log,
        onFatal: (error) => this.#member.fail(error),
        inspect: (path) => inspectFile(new DatabaseDisk(disk), path, () => nextTurn(clock)),
        special: { pageBytes, backlogWeight },
      }),
      peerRequests: new SimulatedPeerRequests(world, this.address, this.life),
      createResolver: () => async (host) => host,
      walSegmentBytes: machine.walSegmentBytes,
      entryReadCost: ENTRY_READ_COST,
      cryptography: simulatedCryptography(clock),
      tokenKeys: () => TOKEN_KEYS,
      createTransport: (storage, events) => {
        this.transport = new SimulatedTransport(world, this, storage.localId, events);
        return this.transport;
      },
      assembled: (storage, parts) => {
        this.observer = world.assembled(this, storage, parts);
      },
      answerPeers: (context) => {
        this.peerHandler = peerEndpoints(context);
      },
      closePeers: async () => {
        this.peerHandler = undefined;
        await this.transport?.close();
      },
      serveClients: ({ log, clock, maxReceiveBytes }, services) => {
        const defects = new RequestDefects(log, (error) => this.#member.fail(error));
        this.calls = localCalls(services, clock, maxReceiveBytes, (error, path) =>
          defects.report(error, path),
        );
        world.note(`${this.name} serves`);
      },
      stopServing: async () => {
        this.calls = undefined;
      },
      failed: (error) => this.fail(error),
      removed: () => world.processRemoved(this),
    };
  }
}
