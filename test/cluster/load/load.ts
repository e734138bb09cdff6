/** The clients of all members of a cluster, working until they are stopped. */
import { SeededRandom } from "@quorate/testkit/random";
import { Journal, type Life } from "../checker/journal.ts";
import { MemberClient } from "../client.ts";
import { runLeaser } from "./leases.ts";
import { perform } from "./perform.ts";
import { Registers, runAppender, runRegisterClient } from "./registers.ts";
import { type Session, sleep } from "./session.ts";
import { Watcher } from "./watcher.ts";

/** What the load must know of a member. */
export interface LoadedMember {
  readonly name: string;
  /** host:port of its client listener. */
  readonly clientAddress: string;
  /** Grows with every start of its process. */
  readonly lives: number;
}

export interface LoadOptions {
  readonly random: SeededRandom;
  /** Register clients of each member. */
  readonly registerClients?: number;
  /** Mean pause between two steps of one client, in milliseconds. */
  readonly paceMs?: number;
}

const PROBE_INTERVAL_MS = 25;

interface Attached {
  readonly session: Session;
  readonly client: MemberClient;
  readonly watcher: Watcher;
  readonly until: { stopping: boolean };
  readonly workers: Promise<unknown>;
  readonly watching: Promise<void>;
}

export class Load {
  readonly journal = new Journal();
  readonly #options: LoadOptions;
  readonly #registers = new Registers();
  readonly #attached = new Map<string, Attached>();
  /** Everything ever attached: their workers are waited for at the end. */
  readonly #all: Attached[] = [];

  readonly #probing = new Set<Promise<unknown>>();
  #probes = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Lets clients work on a member; its watcher begins behind the end of what is known. */
  attach(member: LoadedMember): void {
    const { journal } = this;
    const { paceMs = 8, registerClients = 2 } = this.#options;
    const client = new MemberClient(member.name, member.clientAddress);
    const lives = new Map<number, Life>();
    const until = { stopping: false };
    const session: Session = {
      client,
      journal,
      random: new SeededRandom(this.#options.random.next()),
      paceMs,
      stopping: () => until.stopping,
      life: () => {
        const known = lives.get(member.lives) ?? { member: member.name, revision: 0 };
        lives.set(member.lives, known);
        return known;
      },
    };
    // A member may come back, but what its clients write must stay unique.
    const name = `${member.name}.${this.#all.length + 1}`;
    const watcher = new Watcher(session, `${name}/watcher`, journal.history.lastRevision);
    const workers = [runAppender(session, `${name}/append`), runLeaser(session, `${name}/lease`)];
    for (let i = 1; i <= registerClients; i++) {
      workers.push(runRegisterClient(session, `${name}/register${i}`, this.#registers));
    }
    const attached = {
      session,
      client,
      watcher,
      until,
      workers: Promise.all(workers),
      watching: watcher.run(),
    };
    this.#attached.set(member.name, attached);
    this.#all.push(attached);
  }

  /** Ends the clients of a member that leaves the cluster. */
  detach(name: string): void {
    const attached = this.#attached.get(name);
    if (attached === undefined) return;
    attached.until.stopping = true;
    attached.watcher.close();
    attached.client.close();
    this.#attached.delete(name);
  }

  /**
   * Puts to the given members every few milliseconds until the first put that began after now is acknowledged;
   * how long that took, in milliseconds. Rejects after `giveUpMs`.
   */
  async firstAcknowledgement(members: readonly string[], giveUpMs = 30_000): Promise<number> {
    const startedMs = performance.now();
    let acknowledgedMs = Infinity;
    while (acknowledgedMs === Infinity) {
      if (performance.now() - startedMs > giveUpMs)
        throw new Error(`no write was acknowledged in ${giveUpMs} ms`);
      for (const name of members) {
        const { session } = this.#attached.get(name)!;
        const value = `probe:${this.#probes++}`;
        const probing = perform(session, {
          client: `${name}/probe`,
          kind: "put",
          key: `probe/${value}`,
          value,
        });
        this.#probing.add(probing);
        void probing.then((operation) => {
          this.#probing.delete(probing);
          if (operation !== undefined) acknowledgedMs = Math.min(acknowledgedMs, operation.endMs);
        });
      }
      await sleep(PROBE_INTERVAL_MS);
    }
    return acknowledgedMs - startedMs;
  }

  /** The watchers of members that belong to the cluster. */
  watchers(): ReadonlyMap<string, Watcher> {
    return new Map([...this.#attached].map(([name, { watcher }]) => [name, watcher]));
  }

  /** Waits for the probes that are still under way. */
  async probesEnd(): Promise<void> {
    await Promise.all(this.#probing);
  }

  /** Ends all work; watchers go on. */
  async stopWorkers(): Promise<void> {
    for (const attached of this.#all) attached.until.stopping = true;
    await Promise.all(this.#all.map(({ workers }) => workers));
    await this.probesEnd();
  }

  async close(): Promise<void> {
    for (const attached of this.#all) {
      attached.until.stopping = true;
      attached.watcher.close();
      attached.client.close();
    }
    await Promise.all(this.#all.flatMap(({ workers, watching }) => [workers, watching]));
    await this.probesEnd();
  }
}
