/**
 * Where encoded messages live. A `new Uint8Array(n)` of more than 64 bytes costs about 1 µs (an off-heap buffer of its
 * own, with its finalizer), a view on a shared slab about 50 ns, so small messages are cut from slabs. The price is that
 * one message keeps its slab alive. Therefore messages above 2 KiB stand alone, and there is a slab for each lifetime, so
 * that what is cut from one slab is also let go together. A slab itself costs 3 to 10 µs while the collector frees others
 * (both want the allocator's lock): where what is cut from one surely goes at about the same time, it is a large one.
 */
const LARGEST_SHARED_BYTES = 2048;
const SMALL_SLAB_BYTES = 8192;
const LARGE_SLAB_BYTES = 65_536;

class Slab {
  readonly #slabBytes: number;
  #buffer: ArrayBufferLike = new ArrayBuffer(0);
  #base = 0;
  #used: number;

  constructor(slabBytes: number) {
    this.#slabBytes = slabBytes;
    this.#used = slabBytes;
  }

  /** `size` bytes of unspecified content, owned by the caller, who fills all of them. */
  allocate(size: number): Uint8Array {
    if (size > LARGEST_SHARED_BYTES) {
      const alone = Buffer.allocUnsafeSlow(size);
      return new Uint8Array(alone.buffer, alone.byteOffset, size);
    }
    if (this.#used + size > this.#slabBytes) {
      const slab = Buffer.allocUnsafeSlow(this.#slabBytes);
      this.#buffer = slab.buffer;
      this.#base = slab.byteOffset;
      this.#used = 0;
    }
    const view = new Uint8Array(this.#buffer, this.#base + this.#used, size);
    this.#used += size;
    return view;
  }

  /** `view` is not read any more. Its bytes are used again if nothing was cut from the slab behind it. */
  giveBack(view: Uint8Array): void {
    if (view.buffer !== this.#buffer) return;
    if (view.byteOffset + view.length === this.#base + this.#used) this.#used -= view.length;
  }
}

/** Responses and peer messages: let go once they are written to a socket, which most are as soon as they are made. */
export const messageSlab = new Slab(SMALL_SLAB_BYTES);
/** What a request holds until it is answered. */
export const requestSlab = new Slab(LARGE_SLAB_BYTES);
/** Stored `KeyValue` records: let go once the backend has committed them. */
export const recordSlab = new Slab(LARGE_SLAB_BYTES);
/** Payloads of log entries: let go when the log is compacted. */
export const entrySlab = new Slab(LARGE_SLAB_BYTES);

/** A copy of a request's bytes that stays when what it came in is used again. */
export function keepRequest(bytes: Uint8Array): Uint8Array {
  const kept = requestSlab.allocate(bytes.length);
  kept.set(bytes);
  return kept;
}

/** A message of this package's encoders was written, and nobody reads it any more: its memory is used again. */
export function releaseMessage(message: Uint8Array): void {
  messageSlab.giveBack(message);
}
