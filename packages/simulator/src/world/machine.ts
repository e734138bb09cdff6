import type { MemberOptions } from "@quorate/server/simulation";
import type { Disk } from "@quorate/storage/seams/disk";
import { type DiskFault, type DiskOperation, SimulatedDisk } from "@quorate/storage/seams/simulated-disk";
import type { SeededRandom } from "@quorate/testkit/random";
import type { DurableState } from "../invariants/durable-log.ts";
import { type DiskProfile, DiskSpeed } from "./disk-speed.ts";
import type { ClockSkew } from "./life.ts";
import type { Moment } from "./moments.ts";
import { Process, type ProcessHost, type ProcessWorld } from "./process.ts";

/** Small, so that logs have several. */
const WAL_SEGMENT_BYTES = 64 * 1024;
/** What a stalled disk holds up looks so often whether it goes on. */
const STALL_POLL_MS = 20;
/** A commit syncs its pages, and then its meta. */
const SYNCS_OF_FLUSH = 2;
/** Small, so that little data makes trees of several levels. */
const PAGE_BYTES = 1_024;
/** Of bits that rot, so many are in the file of checksums. */
const SUMS_CHANCE = 0.2;
const DATABASE_COPY = /\/snap\/db\.tmp\.[^/]*(?<!\.sums|\.creating)$/;
const DATABASE_PATH = /\/snap\/db[^/]*$/;

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
  readonly backlogWeight: number;
  /** World milliseconds at which a flush ends that a stall has held up. */
  #flushedMs = 0;
  /** How many operations of the disk are left until the power fails; undefined while it is not to. */
  #operationsLeft: number | undefined;
  #disk: SimulatedDisk;
  #healRot: (() => boolean) | undefined;

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
    this.backlogWeight = backlogWeight;
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
    this.#disk = this.#newDisk();
    this.#healRot = undefined;
    this.diskUnderWay.clear();
    this.options = options;
    this.isWanted = true;
  }

  get walSegmentBytes(): number {
    return WAL_SEGMENT_BYTES;
  }

  get pageBytes(): number {
    return PAGE_BYTES;
  }

  mount(): Disk {
    return this.#world.plantOnDisk(this.#disk.mount());
  }

  /** A bit of the database on the medium is another one from now on, which shows when the power has failed. */
  rotDatabase(random: SeededRandom): void {
    this.healRot();
    const suffix = random.chance(SUMS_CHANCE) ? ".sums" : "";
    this.#healRot = this.#disk.rot(`${this.options.dataDir}/member/snap/db${suffix}`, random);
  }

  /** The medium has again what was written. Returns whether anything was wrong. */
  healRot(): boolean {
    const heal = this.#healRot;
    this.#healRot = undefined;
    return heal?.() === true;
  }

  /** The disk finishes nothing, or a flush of the database that began while it did not. */
  get isStalled(): boolean {
    return Math.max(this.stalledUntilMs, this.#flushedMs) > this.#world.time.nowMs;
  }

  /** The power fails at the `count`th operation of the disk from now on. */
  losePowerAtOperation(count: number): void {
    this.#operationsLeft = count;
  }

  /** World milliseconds that a sync takes which begins now. */
  #syncMs(path: string): number {
    if (!DATABASE_PATH.test(path)) return this.disk.syncMs();
    const stallMs = this.#stallMs();
    if (stallMs > 0) {
      const longestMs = stallMs + STALL_POLL_MS + this.disk.longestFlushMs;
      this.#flushedMs = Math.max(this.#flushedMs, this.#world.time.nowMs + longestMs);
    }
    return this.disk.flushMs() / SYNCS_OF_FLUSH;
  }

  #stallMs(): number {
    return Math.max(0, this.stalledUntilMs - this.#world.time.nowMs);
  }

  #newDisk(): SimulatedDisk {
    const machine = this;
    const { time } = this.#world;
    return new SimulatedDisk({
      random: this.#diskRandom.fork(),
      schedule: (done, _operation, path) => {
        // What was under way when the disk stalled does not end before it goes on, either.
        const finish = () => {
          const stallMs = this.#stallMs();
          if (stallMs > 0) time.after(Math.min(stallMs, STALL_POLL_MS), finish);
          else done();
        };
        time.after(this.#syncMs(path), finish);
      },
      fault: (operation, path) => this.#fault(operation, path),
      get capacityBytes() {
        return machine.capacityBytes;
      },
    });
  }

  #fault(operation: DiskOperation, path: string): DiskFault | undefined {
    const moment = momentOf(operation, path);
    if (moment !== undefined) this.#world.moment(this.address, moment);
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

/** Files that are made, and names that are given, when much changes on the disk. */
function momentOf(operation: DiskOperation, path: string): Moment | undefined {
  if (operation === "rename") return DATABASE_COPY.test(path) ? "database-replaced" : undefined;
  if (operation !== "open") return undefined;
  if (path.endsWith(".snap")) return "snapshot-file";
  if (/\/wal\/\d\.tmp$/.test(path)) return "segment-cut";
  return undefined;
}
