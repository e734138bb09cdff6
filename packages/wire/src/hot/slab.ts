/**
 * Where encoded messages live. A `new Uint8Array(n)` of more than 64 bytes costs about 1 µs (an off-heap buffer of its
 * own, with its finalizer), a view on a shared slab about 50 ns, so small messages are cut from slabs. The price is that
 * one message keeps its slab alive. Therefore slabs are small (8 KiB), messages above a quarter of one stand alone, and
 * there is a slab for each lifetime, so that what is cut from one slab is also let go together: log entries go when the
 * log is compacted, records when the backend has committed them, messages when they have been written.
 */
const SLAB_BYTES = 8192;
const LARGEST_SHARED_BYTES = SLAB_BYTES / 4;

class Slab {
  #buffer: ArrayBufferLike = new ArrayBuffer(0);
  #base = 0;
  #used = SLAB_BYTES;

  /** `size` bytes of unspecified content, owned by the caller, who fills all of them. */
  allocate(size: number): Uint8Array {
    if (size > LARGEST_SHARED_BYTES) {
      const alone = Buffer.allocUnsafeSlow(size);
      return new Uint8Array(alone.buffer, alone.byteOffset, size);
    }
    if (this.#used + size > SLAB_BYTES) {
      const slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#buffer = slab.buffer;
      this.#base = slab.byteOffset;
      this.#used = 0;
    }
    const view = new Uint8Array(this.#buffer, this.#base + this.#used, size);
    this.#used += size;
    return view;
  }
}

/** Requests, responses and peer messages: let go once they are written to a socket. */
export const messageSlab = new Slab();
/** Stored `KeyValue` records: let go once the backend has committed them. */
export const recordSlab = new Slab();
/** Payloads of log entries: let go when the log is compacted. */
export const entrySlab = new Slab();
