import { createRequire } from "node:module";
import type { File, FileMemory } from "../disk/disk.ts";
import { PageCache } from "./page-cache.ts";
import type { PageSource, Place } from "./page-source.ts";

type Ffi = typeof import("node:ffi");

/** Small, because the runtime takes the size of a view for memory that it costs. */
const WINDOW_BYTES = 64 << 20;
/** For runs of pages that lie in two windows. */
const CACHE_BYTES = 4 << 20;
const PROT_READ = 1;
const MAP_SHARED = 1;
const MADV_DONTNEED = 4;

/** What can be mapped of a file. */
interface Windows {
  readonly windowBytes: number;
  /** Undefined when it cannot be had. */
  open(index: number): Place | undefined;
  /** Afterwards views on any window are empty, or no longer change. */
  close(): void;
}

/**
 * Finds pages in memory where the kernel, or a disk in memory, has mapped the file: nothing is copied and nothing kept but a bit a page. The
 * file may grow, and must not shrink meanwhile. Views are read-only: who writes to one ends the process.
 */
export class MappedPages implements PageSource {
  readonly #source: Windows;
  readonly #windowBytes: number;
  readonly #pageBytes: number;
  readonly #windows: (Place | undefined)[] = [];
  readonly #across: PageCache;
  #checked = new Uint8Array(1024);

  private constructor(source: Windows, file: File, pageBytes: number) {
    this.#source = source;
    this.#windowBytes = source.windowBytes;
    this.#pageBytes = pageBytes;
    this.#across = new PageCache(file, pageBytes, CACHE_BYTES);
  }

  /** Undefined where files cannot be mapped: another system, a runtime without `node:ffi`, or one that forbids it. */
  static open(file: File, pageBytes: number): MappedPages | undefined {
    const source = windowsOf(file);
    if (source === undefined || source.windowBytes < pageBytes) return undefined;
    const pages = new MappedPages(source, file, pageBytes);
    return pages.#openWindow(0) === undefined ? undefined : pages;
  }

  locate(page: number, slots: number, place: Place): void {
    const position = page * this.#pageBytes;
    const windowBytes = this.#windowBytes;
    const index = Math.floor(position / windowBytes);
    const at = position - index * windowBytes;
    const window = this.#windows[index] ?? this.#openWindow(index);
    if (window === undefined || at + slots * this.#pageBytes > windowBytes) {
      this.#across.locate(page, slots, place);
      return;
    }
    place.bytes = window.bytes;
    place.view = window.view;
    place.at = at;
  }

  isChecked(page: number): boolean {
    return (this.#checked[page >>> 3]! & (1 << (page & 7))) !== 0;
  }

  markChecked(page: number): void {
    if (page >>> 3 >= this.#checked.length) this.#grow(page);
    this.#checked[page >>> 3]! |= 1 << (page & 7);
  }

  forget(page: number, slots: number): void {
    this.#across.forget(page, slots);
    const end = Math.min(page + slots, this.#checked.length * 8);
    for (let i = page; i < end; i++) this.#checked[i >>> 3]! &= ~(1 << (i & 7));
  }

  close(): void {
    this.#source.close();
    this.#windows.length = 0;
    this.#across.close();
  }

  #openWindow(index: number): Place | undefined {
    const window = this.#source.open(index);
    if (window !== undefined) this.#windows[index] = window;
    return window;
  }

  #grow(page: number): void {
    const wider = new Uint8Array(Math.max(this.#checked.length * 2, (page >>> 3) + 1));
    wider.set(this.#checked);
    this.#checked = wider;
  }
}

function windowsOf({ descriptor, memory }: File): Windows | undefined {
  if (memory !== undefined) return memoryWindows(memory);
  const kernel = descriptor === undefined ? undefined : kernelCalls();
  return kernel === undefined ? undefined : new KernelWindows(kernel, descriptor!);
}

function memoryWindows(memory: FileMemory): Windows {
  return {
    windowBytes: memory.windowBytes,
    open: (index) => {
      const bytes = memory.window(index);
      return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at: 0 };
    },
    close: () => {},
  };
}

class KernelWindows implements Windows {
  readonly windowBytes = WINDOW_BYTES;
  readonly #kernel: Kernel;
  readonly #descriptor: number;
  readonly #open: { readonly address: bigint; readonly buffer: ArrayBuffer }[] = [];

  constructor(kernel: Kernel, descriptor: number) {
    this.#kernel = kernel;
    this.#descriptor = descriptor;
  }

  open(index: number): Place | undefined {
    const address = this.#kernel.map(this.#descriptor, index * WINDOW_BYTES, WINDOW_BYTES);
    if (address === undefined) return undefined;
    // A file is written at its end for the most part, and there read again: what lies before stays in the kernel's memory, but is
    // no more counted as this process's until it is asked for.
    for (const window of this.#open) this.#kernel.letGo(window.address, WINDOW_BYTES);
    const buffer = this.#kernel.bufferAt(address, WINDOW_BYTES);
    this.#open.push({ address, buffer });
    return { bytes: new Uint8Array(buffer), view: new DataView(buffer), at: 0 };
  }

  close(): void {
    for (const { address, buffer } of this.#open.splice(0)) {
      // Views on it become empty: afterwards the addresses are someone else's.
      buffer.transfer(0);
      this.#kernel.unmap(address, WINDOW_BYTES);
    }
  }
}

interface Kernel {
  /** The address of a shared read-only mapping; undefined when the kernel refuses. */
  map(descriptor: number, position: number, length: number): bigint | undefined;
  unmap(address: bigint, length: number): void;
  /** Of a shared mapping nothing is lost: whoever touches it finds the file's bytes, by a page fault without a read. */
  letGo(address: bigint, length: number): void;
  bufferAt(address: bigint, length: number): ArrayBuffer;
}

let kernel: Kernel | undefined;

function kernelCalls(): Kernel | undefined {
  if (process.platform !== "linux") return undefined;
  kernel ??= loadKernelCalls();
  return kernel;
}

function loadKernelCalls(): Kernel | undefined {
  try {
    const ffi = createRequire(import.meta.url)("node:ffi") as Ffi;
    const { functions } = ffi.dlopen(null, {
      mmap: { arguments: ["u64", "u64", "i32", "i32", "i32", "i64"], return: "i64" },
      munmap: { arguments: ["u64", "u64"], return: "i32" },
      madvise: { arguments: ["u64", "u64", "i32"], return: "i32" },
    });
    return {
      map(descriptor, position, length) {
        const address = functions.mmap(
          0n,
          BigInt(length),
          PROT_READ,
          MAP_SHARED,
          descriptor,
          BigInt(position),
        );
        return address === -1n ? undefined : BigInt.asUintN(64, address);
      },
      unmap(address, length) {
        functions.munmap(address, BigInt(length));
      },
      letGo(address, length) {
        functions.madvise(address, BigInt(length), MADV_DONTNEED);
      },
      bufferAt: (address, length) => ffi.toArrayBuffer(address, length, false),
    };
  } catch {
    return undefined;
  }
}
