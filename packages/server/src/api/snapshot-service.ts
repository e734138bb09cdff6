import { createHash } from "node:crypto";
import type { ServerCall } from "@quorate/rpc/server";
import { decode, encode } from "@quorate/wire";
import { SnapshotRequestSchema, SnapshotResponseSchema } from "@quorate/wire/etcdserverpb";
import { storageVersion } from "../cluster/storage-version.ts";
import { CALL_NEEDS } from "../operations/call-needs.ts";
import { callerOf } from "./callers.ts";
import type { SnapshotContext } from "./context.ts";
import { failCall, type Services } from "./services.ts";

/** Clients cut the stream into a file and rely on no size, but etcd's own servers send this one. */
const BLOB_BYTES = 32 << 10;

/** `Maintenance.Snapshot`: the database as a bbolt file, then the SHA-256 of it. Any member answers for itself. */
export function addSnapshotService(services: Services, context: SnapshotContext): void {
  services.addServerStream(
    "/etcdserverpb.Maintenance/Snapshot",
    (message) => decode(SnapshotRequestSchema, message),
    (_request, call) => {
      const { access } = context;
      if (access.isRestricted) CALL_NEEDS.Snapshot(access.needsOf(callerOf(call)));
      new SnapshotStream(context, call).run().catch((error: unknown) => failCall(call, error));
    },
  );
}

class SnapshotStream {
  readonly #context: SnapshotContext;
  readonly #call: ServerCall;
  readonly #canceled = new AbortController();
  readonly #version: string;
  #onDrain: (() => void) | undefined;

  constructor(context: SnapshotContext, call: ServerCall) {
    this.#context = context;
    this.#call = call;
    this.#version = storageVersion(context.backend) ?? "";
    call.onDrain = () => this.#onDrain?.();
    call.onCancel = () => {
      this.#canceled.abort();
      this.#onDrain?.();
    };
  }

  /** Rejects before the sum is sent when anything fails, so that no client takes a part for the whole. */
  async run(): Promise<void> {
    const { backend, clock, log } = this.#context;
    const startedMs = clock.nowMs();
    const database = await backend.export(this.#canceled.signal);
    const fields = { "total-bytes": database.sizeBytes, "storage-version": this.#version };
    try {
      log.info("sending database snapshot to client", fields);
      const hash = createHash("sha256");
      let remaining = database.sizeBytes;
      for await (const chunk of database.read()) {
        hash.update(chunk);
        for (let at = 0; at < chunk.length; at += BLOB_BYTES) {
          const blob = chunk.subarray(at, at + BLOB_BYTES);
          remaining -= blob.length;
          if (!(await this.#send(remaining, blob))) return;
        }
      }
      if (!(await this.#send(0, hash.digest()))) return;
      this.#call.end();
      backend.counts.snapshotSeconds.observe((clock.nowMs() - startedMs) / 1_000);
      log.info("successfully sent database snapshot to client", {
        ...fields,
        tookMs: Math.round(clock.nowMs() - startedMs),
      });
    } finally {
      await database.release();
    }
  }

  /** Resolves when the client takes more: false when it is gone. */
  async #send(remaining: number, blob: Uint8Array): Promise<boolean> {
    if (this.#isOver()) return false;
    const response = { remainingBytes: BigInt(remaining), blob, version: this.#version };
    if (!this.#call.send(encode(SnapshotResponseSchema, response))) {
      await new Promise<void>((resolve) => {
        this.#onDrain = resolve;
        if (this.#isOver()) resolve();
      });
    }
    return !this.#isOver();
  }

  #isOver(): boolean {
    return this.#canceled.signal.aborted || this.#call.ended;
  }
}
