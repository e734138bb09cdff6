/** A member under load that is brought down again and again, with the checks of `History` after every life. */
import assert from "node:assert/strict";
import type { Etcd } from "@quorate/testkit/grpc";
import type { Server } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { History } from "./history.ts";
import { Connection, runBurst, runLeaser, runPutter, runSwapper, Watcher } from "./load.ts";

const EVERYTHING = { key: Buffer.from([0]), range_end: Buffer.from([0]) };

export class Scenario {
  readonly server: Server;
  readonly history = new History();
  readonly random: SeededRandom;
  readonly seed: number;
  readonly #connection: Connection;
  readonly #watchers: readonly Watcher[];
  readonly #tasks: Promise<unknown>[] = [];
  readonly #failures: unknown[] = [];
  #etcd: Etcd | undefined;
  #compactRevision = 0;
  #hash: { revision: number; compactRevision: number; hash: number } | undefined;

  constructor(server: Server, seed: number, watchers = 3) {
    this.server = server;
    this.seed = seed;
    this.random = new SeededRandom(seed);
    this.#connection = new Connection(server.endpoint);
    const report = (error: unknown): void => {
      this.#failures.push(error);
    };
    this.#watchers = Array.from(
      { length: watchers },
      (_, i) => new Watcher(`watcher ${i}`, this.#connection, report, this.history.events),
    );
    const putterRandoms = Array.from({ length: 4 }, () => new SeededRandom(this.random.next()));
    this.#tasks.push(
      ...this.#watchers.map((watcher) => watcher.run()),
      ...putterRandoms.map((random, i) => runPutter(`p${i}`, this.#connection, this.history, random, report)),
      runBurst("burst", this.#connection, this.history, report),
      runSwapper("s0", this.#connection, this.history, new SeededRandom(this.random.next()), report),
      runSwapper("s1", this.#connection, this.history, new SeededRandom(this.random.next()), report),
      runLeaser("l0", this.#connection, this.history, report),
      runLeaser("l1", this.#connection, this.history, report),
    );
  }

  /** The client of this life. */
  get etcd(): Etcd {
    assert.ok(this.#etcd !== undefined);
    return this.#etcd;
  }

  /** Starts the member and checks at once that nothing acknowledged is missing. */
  async up(extraEnv: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.server.start(extraEnv);
    const acknowledged = this.history.acknowledgedRevision;
    this.#etcd = this.#connection.up();
    const now = await this.etcd.range({ key: "x", count_only: true });
    const revision = now.header!.revision;
    assert.ok(
      revision >= acknowledged,
      `revision ${revision} after a restart, ${acknowledged} was acknowledged`,
    );
    await this.#checkHash();
  }

  /** A hash taken in an earlier life must be the same in this one. */
  async #checkHash(): Promise<void> {
    const known = this.#hash;
    if (known !== undefined && known.revision >= this.#compactRevision) {
      const again = await this.etcd.hashKv({ revision: known.revision });
      if (again.compact_revision === known.compactRevision)
        assert.equal(again.hash, known.hash, `HashKV(${known.revision})`);
    }
  }

  /** Remembers a hash for `#checkHash`; a crash in between does no harm. */
  async takeHash(): Promise<void> {
    const response = await this.etcd.hashKv({ revision: 0 });
    this.#hash = {
      revision: response.hash_revision,
      compactRevision: response.compact_revision,
      hash: response.hash,
    };
  }

  /** Compacts below what every watcher has seen. */
  async compact(physical: boolean): Promise<void> {
    const seen = Math.min(...this.#watchers.map((watcher) => watcher.revision));
    const revision = seen - 300;
    if (revision <= this.#compactRevision) return;
    this.#compactRevision = revision;
    await this.etcd.compact({ revision, physical });
  }

  /** A compaction that the caller has asked for itself. */
  compacted(revision: number): void {
    this.#compactRevision = Math.max(this.#compactRevision, revision);
  }

  /** SIGKILL in the middle of everything. */
  async kill(): Promise<void> {
    await this.server.kill();
    this.crashed();
  }

  /** The process has ended on its own. */
  crashed(): void {
    this.#connection.down();
    this.#etcd = undefined;
  }

  /** Waits until some watcher has seen everything acknowledged so far, then checks it. */
  async audit(): Promise<void> {
    const wanted = this.history.acknowledgedRevision;
    const giveUpAt = performance.now() + 15_000;
    while (this.history.revision < wanted && this.#failures.length === 0) {
      assert.ok(
        performance.now() < giveUpAt,
        `history stands at ${this.history.revision}, ${wanted} was acknowledged`,
      );
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    this.throwFailures();
    this.history.checkAcknowledged();
  }

  /** Runs something beside the load that a crash may cut; only a wrong answer counts. */
  beside(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (error instanceof assert.AssertionError) this.#failures.push(error);
    });
  }

  throwFailures(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  /** Reads one random key at one random readable revision, and compares. */
  async probe(): Promise<void> {
    const keys = this.history.events.keys();
    const from = Math.max(2, this.#compactRevision);
    if (keys.length === 0 || this.history.revision <= from) return;
    const key = this.random.pick(keys);
    const revision = this.random.between(from, this.history.revision);
    const read = await this.etcd.range({ key: Buffer.from(key, "latin1"), revision });
    const problem = this.history.events.compareKey(key, read.kvs, revision);
    assert.equal(problem, undefined, `${key} at revision ${revision}`);
  }

  /** Stops the load, lets everyone catch up and compares everything. The member must be up. */
  async finish(): Promise<void> {
    const etcd = this.etcd;
    const last = await etcd.put({ key: "end", value: "end:1" });
    // Writers still run; the end is a revision that everybody must reach.
    this.history.acknowledge({ revision: last.header!.revision, key: "end", value: "end:1" });
    await this.audit();
    this.#connection.close();
    await Promise.all(this.#tasks);
    this.throwFailures();

    const connection = new Connection(this.server.endpoint);
    const client = connection.up();
    const failures: unknown[] = [];
    const catchUp = async (watcher: Watcher): Promise<void> => {
      const now = (await client.range({ key: "x" })).header!.revision;
      if (watcher.revision >= now) return;
      const stream = client.watch();
      stream.send({ create_request: { ...EVERYTHING, start_revision: watcher.revision + 1 } });
      while (watcher.revision < now) {
        const response = await stream.next();
        if (response.events.length === 0) continue;
        watcher.receive(response);
      }
      stream.cancel();
    };
    try {
      for (const watcher of this.#watchers) await catchUp(watcher);
      this.history.checkSequences();
      this.history.checkAcknowledged();
      assert.equal(this.history.waitingCount, 0);
      for (const { name, revision } of this.#watchers) {
        assert.equal(revision, this.history.revision, `${name} missed the end`);
      }
      const all = await client.range({ ...EVERYTHING });
      this.history.checkState(all.kvs, all.header!.revision);
      const old = this.random.between(Math.max(2, this.#compactRevision), this.history.revision);
      const then = await client.range({ ...EVERYTHING, revision: old });
      this.history.checkState(then.kvs, old);
    } catch (error) {
      failures.push(error);
    }
    connection.close();
    if (failures.length > 0) throw failures[0];
  }

  /** Gives up without checks, so that a failed test leaves nothing running. */
  abandon(): void {
    if (!this.#connection.closed) this.#connection.close();
  }
}
