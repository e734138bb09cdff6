import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";

const EVERY_MS = 1_000;
/** The part of its time in which the loop had something to do; above it, it is not to wait for this. */
const QUIET_UTILIZATION = 0.25;
/** To give back 16 MiB takes 2 ms, and 160 MiB 20. */
const WORTH_BYTES = 16 * 1024 * 1024;

/** What this has to know of the process, and does to it. */
export interface ProcessMemory {
  /** Between 0 and 1, since it was asked last. */
  utilization(): number;
  /** Anonymous memory that is neither the engine's heap nor in buffers: the C library's allocator has it. */
  allocatedBytes(): number;
  /** Has the allocator give back to the system what is free in it. */
  trim(): void;
}

/**
 * Gives memory that is free back to the system when there is little else to do. What is freed below something that stays, the C
 * library's allocator keeps by itself for ever: after a rush of large answers that is as much as there was of them at once.
 */
export class FreeMemory {
  readonly #process: ProcessMemory;
  /** So much was left when it was looked at last. */
  #leftBytes = 0;

  constructor(process: ProcessMemory) {
    this.#process = process;
  }

  look(): void {
    if (this.#process.utilization() > QUIET_UTILIZATION) return;
    const bytes = this.#process.allocatedBytes();
    if (bytes - this.#leftBytes < WORTH_BYTES) {
      this.#leftBytes = Math.min(this.#leftBytes, bytes);
      return;
    }
    this.#process.trim();
    this.#leftBytes = this.#process.allocatedBytes();
  }
}

/** Looks after the memory of this process until it ends; nothing happens where the C library is another one than GNU's. */
export function giveBackFreeMemory(): void {
  const own = thisProcess();
  if (own === undefined) return;
  const memory = new FreeMemory(own);
  setInterval(() => memory.look(), EVERY_MS).unref();
}

function thisProcess(): ProcessMemory | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const { dlopen } = createRequire(import.meta.url)("node:ffi") as typeof import("node:ffi");
    const { functions } = dlopen(null, { malloc_trim: { return: "int32", arguments: ["uint64"] } });
    let last = performance.eventLoopUtilization();
    return {
      utilization: () => {
        const now = performance.eventLoopUtilization();
        const { utilization } = performance.eventLoopUtilization(now, last);
        last = now;
        return utilization;
      },
      allocatedBytes: () => {
        const [, anonymousKib] = /^RssAnon:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "latin1"))!;
        const { heapTotal, arrayBuffers } = process.memoryUsage();
        return Number(anonymousKib) * 1024 - heapTotal - arrayBuffers;
      },
      trim: () => functions.malloc_trim(0n),
    };
  } catch {
    return undefined;
  }
}
