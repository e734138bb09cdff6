import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import type { ServerCall } from "@quorate/rpc/server";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import type { Backend, DatabaseExport } from "@quorate/storage/seams/backend";
import { realClock } from "@quorate/storage/seams/real-clock";
import { decode } from "@quorate/wire";
import { type SnapshotResponse, SnapshotResponseSchema } from "@quorate/wire/etcdserverpb";
import { silentLogger } from "../log/logger.ts";
import { OPEN_ACCESS } from "../operations/open-access.testing.ts";
import type { ApiContext } from "./context.ts";
import { NO_IDENTITIES } from "./identities.testing.ts";
import { Services } from "./services.ts";
import { addSnapshotService } from "./snapshot-service.ts";

class FakeCall {
  readonly sent: SnapshotResponse[] = [];
  ended = false;
  failure: string | undefined;
  /** Sends that are taken before the next ones have to wait. */
  credit = Number.POSITIVE_INFINITY;
  onMessage?: (message: Uint8Array) => void;
  onDrain?: () => void;
  onCancel?: (reason: "reset") => void;
  readonly over: Promise<void>;
  #setOver!: () => void;

  constructor() {
    this.over = new Promise((resolve) => {
      this.#setOver = resolve;
    });
  }

  metadata(): undefined {}

  send(message: Uint8Array): boolean {
    this.sent.push(decode(SnapshotResponseSchema, message));
    return --this.credit > 0;
  }

  end(): void {
    this.ended = true;
    this.#setOver();
  }

  fail(_code: number, message: string): void {
    this.ended = true;
    this.failure = message;
    this.#setOver();
  }

  failWith(error: unknown): void {
    this.fail(2, (error as Error).message);
  }
}

/** A backend with about 200 KiB whose exports are counted, and may break off. */
async function subject(breakOffAfterChunks = Number.POSITIVE_INFINITY) {
  const backend: Backend = new MemoryBackend({ clock: realClock });
  for (let main = 2; main < 202; main++) backend.putRevision(main, 0, false, new Uint8Array(1000).fill(main));
  backend.put("meta", Buffer.from("storageVersion"), Buffer.from("3.7.0"));
  const expected = await backend.export();
  const file = Buffer.concat(await Array.fromAsync(expected.read()));
  const state = { releases: 0 };
  const original = backend.export.bind(backend);
  backend.export = async (signal): Promise<DatabaseExport> => {
    const database = await original(signal);
    return {
      ...database,
      async *read() {
        let chunks = 0;
        for await (const chunk of database.read()) {
          if (chunks++ === breakOffAfterChunks) throw new Error("the disk failed");
          yield chunk;
        }
      },
      async release() {
        state.releases++;
      },
    };
  };
  const context = {
    access: OPEN_ACCESS,
    backend,
    clock: realClock,
    log: silentLogger,
    membership: { version: "3.7.0", isLearner: false },
    consensus: { leader: 1n },
    identities: NO_IDENTITIES,
  } as unknown as ApiContext;
  const services = new Services(context);
  addSnapshotService(services, context);
  const start = (credit = Number.POSITIVE_INFINITY): FakeCall => {
    const call = new FakeCall();
    call.credit = credit;
    services.streams.get("/etcdserverpb.Maintenance/Snapshot")!(call as unknown as ServerCall);
    call.onMessage!(new Uint8Array(0));
    return call;
  };
  return { start, file, state };
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
};

test("a snapshot is the file in blobs of 32 KiB, and then its sum", async () => {
  const { start, file, state } = await subject();
  const call = start();
  await call.over;
  assert.equal(call.failure, undefined);
  const sum = call.sent.pop()!;
  assert.equal(Buffer.compare(Buffer.concat(call.sent.map(({ blob }) => blob)), file), 0);
  assert.ok(call.sent.length > 4);
  let remaining = file.length;
  for (const { blob, remainingBytes, version, header } of call.sent) {
    assert.equal(blob.length, Math.min(32_768, remaining));
    remaining -= blob.length;
    assert.equal(remainingBytes, BigInt(remaining));
    assert.equal(version, "3.7.0");
    assert.equal(header, undefined);
  }
  assert.equal(remaining, 0);
  assert.equal(sum.remainingBytes, 0n);
  assert.equal(sum.version, "3.7.0");
  assert.equal(Buffer.compare(sum.blob, createHash("sha256").update(file).digest()), 0);
  await turns();
  assert.equal(state.releases, 1);
});

test("a client that takes nothing is sent nothing more until it does", async () => {
  const { start, file } = await subject();
  const call = start(2);
  await turns();
  assert.equal(call.sent.length, 2);
  call.credit = 1;
  call.onDrain!();
  await turns();
  assert.equal(call.sent.length, 3);
  call.credit = Number.POSITIVE_INFINITY;
  call.onDrain!();
  await call.over;
  assert.equal(Buffer.concat(call.sent.map(({ blob }) => blob)).length, file.length + 32);
});

test("a client that goes away gives the export back, whatever it was waiting for", async () => {
  for (const credit of [1, 3, Number.POSITIVE_INFINITY]) {
    const { start, state } = await subject();
    const call = start(credit);
    if (credit !== Number.POSITIVE_INFINITY) await turns();
    call.ended = true;
    call.onCancel!("reset");
    await turns();
    assert.equal(call.failure, undefined);
    assert.ok(call.sent.length <= credit);
    assert.equal(state.releases, 1, `credit ${credit}`);
  }
});

test("a read that fails ends the stream with an error, and without a sum", async () => {
  const { start, state } = await subject(1);
  const call = start();
  await call.over;
  assert.match(call.failure!, /the disk failed/);
  assert.equal(call.sent.length, 4);
  assert.ok(call.sent.every(({ blob }) => blob.length === 32_768));
  await turns();
  assert.equal(state.releases, 1);
});
