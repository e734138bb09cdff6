import {
  type Backend,
  type Clock,
  type Disk,
  type DiskFault,
  type DiskOperation,
  lagFault,
  type MemberOptions,
  MemoryBackend,
  readFile,
  receivedDatabasePath,
  type ServerConfig,
  SimulatedDisk,
  storagePaths,
  type Timer,
} from "@quorate/server/simulation";
import type { ClockSkew } from "./life.ts";
import { withoutDurability } from "./planted-bugs.ts";
import { Process } from "./process.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { World } from "./world.ts";

const MAX_DATABASE_BYTES = 2 ** 30;
const IMPORTED_BYTES_PER_MS = 3_000;
const FLUSH_MS = 2;
const SYNC_MS = 0.2;
const SYNC_JITTER_MS = 0.5;
const NO_TIMER: Timer = { cancel() {} };

/** A computer with a disk, on which a member runs, or does not. */
export class Machine {
  readonly name: string;
  /** Where its member listens for others; names the machine in the network. */
  readonly address: string;
  readonly random: SeededRandom;
  readonly skew: ClockSkew;
  options: MemberOptions;
  process: Process | undefined;
  /** Its process may be started by the world when it has ended. */
  isWanted = true;
  /** World milliseconds until which the disk finishes nothing. */
  stalledUntilMs = 0;
  /** How many of the next syncs fail. */
  failingSyncs = 0;
  capacityBytes = Number.POSITIVE_INFINITY;
  readonly diskUnderWay = new Set<Promise<unknown>>();
  readonly #world: World;
  readonly #diskRandom: SeededRandom;
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

  constructor(world: World, name: string, address: string, skew: ClockSkew, options: MemberOptions) {
    this.#world = world;
    this.name = name;
    this.address = address;
    this.skew = skew;
    this.options = options;
    this.random = world.random.fork();
    this.#diskRandom = this.random.fork();
    this.#disk = this.#newDisk();
  }

  get isUp(): boolean {
    return this.process !== undefined;
  }

  start(): void {
    if (this.process !== undefined) return;
    this.#world.note(`${this.name} starts`);
    this.process = new Process(this.#world, this);
    this.process.start();
  }

  /** Ends the process on the spot; what it had written is still in the kernel's memory. */
  kill(): void {
    const { process } = this;
    if (process === undefined) return;
    this.process = undefined;
    process.life.end();
    this.#crashDatabases();
  }

  /** The power fails: what was not synced may be lost. */
  losePower(): void {
    this.kill();
    this.#disk.crash();
    this.diskUnderWay.clear();
  }

  /** Takes the place of this machine: another one without data, at the same address. */
  wipe(options: MemberOptions): void {
    this.kill();
    this.#databases.clear();
    this.#disk = this.#newDisk();
    this.diskUnderWay.clear();
    this.options = options;
    this.isWanted = true;
  }

  mount(): Disk {
    const disk = this.#disk.mount();
    return this.#world.plants.has("lying-disk") ? withoutDurability(disk) : disk;
  }

  openDatabase(path: string, config: ServerConfig): Backend {
    const { backendBatchMs: batchIntervalMs, backendBatchLimit: batchLimit } = config;
    const options = { clock: this.#databaseClock, flushMs: FLUSH_MS, batchIntervalMs, batchLimit };
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
    const imported = MemoryBackend.import(name, bytes, { clock: this.#databaseClock, flushMs: FLUSH_MS });
    this.#databases.set(path, imported);
  }

  /** What is wrong with a received database that was to reflect the entry at `index`. */
  async findReceivedFault(disk: Disk, path: string, index: number): Promise<string | undefined> {
    const bytes = await readFile(disk, path, MAX_DATABASE_BYTES);
    let received: MemoryBackend;
    try {
      received = MemoryBackend.import(path, bytes, { clock: this.#databaseClock, flushMs: FLUSH_MS });
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
        const stallMs = Math.max(0, this.stalledUntilMs - time.nowMs);
        time.after(stallMs + SYNC_MS + this.#diskRandom.exponential(SYNC_JITTER_MS), done);
      },
      fault: (operation) => this.#fault(operation),
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

  #fault(operation: DiskOperation): DiskFault | undefined {
    if (operation !== "sync" || this.failingSyncs === 0) return undefined;
    this.failingSyncs--;
    return "IO";
  }
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
