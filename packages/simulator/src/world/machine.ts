import {
  lagFault,
  type MemberOptions,
  receivedDatabasePath,
  type ServerConfig,
  storagePaths,
} from "@quorate/server/simulation";
import { MemoryBackend, type MemoryBackendOptions } from "@quorate/storage/backend/memory-backend";
import type { Backend } from "@quorate/storage/seams/backend";
import type { Clock, Timer } from "@quorate/storage/seams/clock";
import { type Disk, readFile } from "@quorate/storage/seams/disk";
import { type DiskFault, type DiskOperation, SimulatedDisk } from "@quorate/storage/seams/simulated-disk";
import type { SeededRandom } from "@quorate/testkit/random";
import type { DurableState } from "../invariants/durable-log.ts";
import { type DiskProfile, DiskSpeed } from "./disk-speed.ts";
import type { ClockSkew } from "./life.ts";
import type { Moment } from "./moments.ts";
import { Process, type ProcessHost, type ProcessWorld } from "./process.ts";

const MAX_DATABASE_BYTES = 2 ** 30;
const IMPORTED_BYTES_PER_MS = 3_000;
/** Small, so that logs have several. */
const WAL_SEGMENT_BYTES = 64 * 1024;
/** What a stalled disk holds up looks so often whether it goes on. */
const STALL_POLL_MS = 20;
const NO_TIMER: Timer = { cancel() {} };

/** What a machine's disk and memory are like. */
export interface MachineHardware {
  readonly disks: DiskProfile;
  /** As how many bytes each byte counts that waits in memory for the database: little data fills a memory then. */
  readonly backlogWeight: number;
}

/** What a machine has of the world. */
export interface MachineWorld extends ProcessWorld {
  readonly random: SeededRandom;
  /** What stands between a member and its disk; `disk` itself when nothing is planted there. */
  plantOnDisk(disk: Disk): Disk;
  /** `machine` starts its member again after a while, if that is wanted. */
  restartLater(machine: Machine): void;
}

/** A computer with a disk, on which a member runs, or does not. */
export class Machine implements ProcessHost {
  readonly name: string;
  /** Where its member listens for others; names the machine in the network. */
  readonly address: string;
  readonly random: SeededRandom;
  readonly skew: ClockSkew;
  options: MemberOptions;
  process: Process | undefined;
  /** What the last process ended by. */
  endedBy: string | undefined;
  /** Its process may be started by the world when it has ended. */
  isWanted = true;
  /** World milliseconds until which the disk finishes nothing. */
  stalledUntilMs = 0;
  /** How many of the next syncs fail. */
  failingSyncs = 0;
  capacityBytes = Number.POSITIVE_INFINITY;
  /** World milliseconds until which nothing may end its process. */
  sparedUntilMs = 0;
  /** How many processes it has had. */
  lives = 0;
  /** What was durable of its member's log when the last process ended. */
  durable: DurableState | undefined;
  readonly disk: DiskSpeed;
  readonly diskUnderWay = new Set<Promise<unknown>>();
  readonly #world: MachineWorld;
  readonly #diskRandom: SeededRandom;
  readonly #backlogWeight: number;
  /** World milliseconds at which a flush ends that a stall has held up. */
  #flushedMs = 0;
  /** How many operations of the disk are left until the power fails; undefined while it is not to. */
  #operationsLeft: number | undefined;
  #disk: SimulatedDisk;
  /** By path, what a start finds. */
  readonly #databases = new Map<string, MemoryBackend>();
  /** That of the process that runs: a database outlives the one that made it. */
  readonly #databaseClock: Clock = {
    nowMs: () => this.process?.life.clock.nowMs() ?? 0,
    wallMs: () => this.process?.life.clock.wallMs() ?? 0,
    setTimer: (delayMs, callback) => this.process?.life.clock.setTimer(delayMs, callback) ?? NO_TIMER,
    soon: (callback) => this.process?.life.clock.soon(callback),
  };

  constructor(
    world: MachineWorld,
    name: string,
    address: string,
    skew: ClockSkew,
    options: MemberOptions,
    { disks, backlogWeight }: MachineHardware = { disks: "alike", backlogWeight: 1 },
  ) {
    this.#world = world;
    this.name = name;
    this.address = address;
    this.skew = skew;
    this.options = options;
    this.random = world.random.fork();
    this.#diskRandom = this.random.fork();
    this.disk = new DiskSpeed(this.random.fork(), disks);
    this.#backlogWeight = backlogWeight;
    this.#disk = this.#newDisk();
  }

  get isUp(): boolean {
    return this.process !== undefined;
  }

  start(): void {
    if (this.process !== undefined) return;
    this.#world.note(`${this.name} starts`);
    this.lives++;
    this.process = new Process(this.#world, this);
    this.process.start();
  }

  /** Ends the process on the spot; what it had written is still in the kernel's memory. */
  kill(endedBy = "kill"): void {
    const { process } = this;
    if (process === undefined) return;
    this.process = undefined;
    this.endedBy = endedBy;
    this.#operationsLeft = undefined;
    this.durable = process.observer?.durable ?? this.durable;
    process.life.end();
    this.#crashDatabases();
  }

  /** The power fails: what was not synced may be lost. */
  losePower(endedBy = "power loss"): void {
    this.kill(endedBy);
    this.stalledUntilMs = 0;
    this.#disk.crash();
    this.diskUnderWay.clear();
  }

  /** Takes the place of this machine: another one without data, at the same address. */
  wipe(options: MemberOptions): void {
    this.kill("replacement");
    this.durable = undefined;
    this.#databases.clear();
    this.#disk = this.#newDisk();
    this.diskUnderWay.clear();
    this.options = options;
    this.isWanted = true;
  }

  get walSegmentBytes(): number {
    return WAL_SEGMENT_BYTES;
  }

  mount(): Disk {
    return this.#world.plantOnDisk(this.#disk.mount());
  }

  openDatabase(path: string, config: ServerConfig): Backend {
    const { backendBatchMs: batchIntervalMs, backendBatchLimit: batchLimit } = config;
    const options = { ...this.#databaseOptions(), batchIntervalMs, batchLimit };
    const backend = this.#databases.get(path) ?? new MemoryBackend(options);
    this.#databases.set(path, backend);
    return backend;
  }

  /** Makes the received database at `index` the one at `path`. */
  async importReceived(disk: Disk, index: number, path: string, config: ServerConfig): Promise<void> {
    const name = receivedDatabasePath(storagePaths(config).snap, index);
    const bytes = await readFile(disk, name, MAX_DATABASE_BYTES);
    await new Promise<void>((resolve) => {
      this.#databaseClock.setTimer(1 + bytes.length / IMPORTED_BYTES_PER_MS, resolve);
    });
    this.#databases.set(path, MemoryBackend.import(name, bytes, this.#databaseOptions()));
  }

  /** The disk finishes nothing, or a flush of the database that began while it did not. */
  get isStalled(): boolean {
    return Math.max(this.stalledUntilMs, this.#flushedMs) > this.#world.time.nowMs;
  }

  /** The power fails at the `count`th operation of the disk from now on. */
  losePowerAtOperation(count: number): void {
    this.#operationsLeft = count;
  }

  #databaseOptions(): MemoryBackendOptions {
    return {
      clock: this.#databaseClock,
      flushMs: () => this.#flushMs(),
      backlogWeight: this.#backlogWeight,
    };
  }

  #flushMs(): number {
    const stallMs = this.#stallMs();
    const flushMs = stallMs + this.disk.flushMs();
    if (stallMs > 0) this.#flushedMs = this.#world.time.nowMs + flushMs;
    return flushMs;
  }

  #stallMs(): number {
    return Math.max(0, this.stalledUntilMs - this.#world.time.nowMs);
  }

  /** What is wrong with a received database that was to reflect the entry at `index`. */
  async findReceivedFault(disk: Disk, path: string, index: number): Promise<string | undefined> {
    const bytes = await readFile(disk, path, MAX_DATABASE_BYTES);
    let received: MemoryBackend;
    try {
      received = MemoryBackend.import(path, bytes, this.#databaseOptions());
    } catch (error) {
      return (error as Error).message;
    }
    return lagFault(received.consistentIndex, index);
  }

  #newDisk(): SimulatedDisk {
    const machine = this;
    const { time } = this.#world;
    return new SimulatedDisk({
      random: this.#diskRandom.fork(),
      schedule: (done) => {
        // What was under way when the disk stalled does not end before it goes on, either.
        const finish = () => {
          const stallMs = this.#stallMs();
          if (stallMs > 0) time.after(Math.min(stallMs, STALL_POLL_MS), finish);
          else done();
        };
        time.after(this.disk.syncMs(), finish);
      },
      fault: (operation, path) => this.#fault(operation, path),
      get capacityBytes() {
        return machine.capacityBytes;
      },
    });
  }

  #crashDatabases(): void {
    for (const [path, backend] of this.#databases) {
      // What a start would remove, it does not find.
      if (baseName(path).startsWith("tmp")) this.#databases.delete(path);
      else this.#databases.set(path, backend.crash());
    }
  }

  #fault(operation: DiskOperation, path: string): DiskFault | undefined {
    if (operation === "open") {
      const moment = momentOf(path);
      if (moment !== undefined) this.#world.moment(this.address, moment);
    }
    if (this.#operationsLeft !== undefined && --this.#operationsLeft <= 0) {
      this.#world.note(`${this.name} loses power at the ${operation} of ${path}`);
      this.losePower();
      this.#world.restartLater(this);
      return undefined;
    }
    if (operation !== "sync" || this.failingSyncs === 0) return undefined;
    this.failingSyncs--;
    return "IO";
  }
}

/** Files that are made when much changes on the disk. */
function momentOf(path: string): Moment | undefined {
  if (path.endsWith(".snap")) return "snapshot-file";
  if (/\/wal\/\d\.tmp$/.test(path)) return "segment-cut";
  return undefined;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
