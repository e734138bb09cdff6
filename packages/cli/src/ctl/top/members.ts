import type { Client } from "@quorate/client";
import type { Member, StatusResponse } from "@quorate/wire/messages";
import { ExitCode, exitWith } from "../../command-line/exit.ts";
import { hexId } from "../../go-text/ids.ts";
import { clientOf } from "../session/connect.ts";
import type { Settings } from "../session/settings.ts";

/** A member, and what it said last. */
export interface MemberState {
  readonly name: string;
  /** Hexadecimal. */
  readonly id: string;
  readonly isLearner: boolean;
  readonly status: StatusResponse | undefined;
  /** How long it took to say it, in milliseconds. */
  readonly tookMs: number;
  /** Why it said nothing the last time; empty when it did. */
  readonly error: string;
}

/** Asks the members of a cluster again and again; none waits for another. */
export class MemberPolls {
  readonly #polls: readonly Poll[];

  private constructor(polls: readonly Poll[]) {
    this.#polls = polls;
  }

  /** Of the members that the cluster has now. Throws Exit when nobody says which. */
  static async of(client: Client, settings: Settings): Promise<MemberPolls> {
    const { members } = await client.cluster.listMembers().catch((error: unknown) => {
      throw exitWith(ExitCode.ERROR, error);
    });
    return new MemberPolls(await Promise.all(members.map((member) => Poll.of(member, settings))));
  }

  /** Asks those that are not being asked already; resolves when all have answered or failed. Never rejects. */
  async ask(): Promise<void> {
    await Promise.all(this.#polls.map((poll) => poll.ask()));
  }

  get states(): readonly MemberState[] {
    return this.#polls.map(({ state }) => state);
  }
}

const NOT_STARTED = "it has not been started yet";

class Poll {
  state: MemberState;
  readonly #client: Client | undefined;
  #asking: Promise<void> | undefined;

  private constructor(member: Member, client: Client | undefined) {
    this.#client = client;
    this.state = {
      name: member.name === "" ? hexId(member.ID) : member.name,
      id: hexId(member.ID),
      isLearner: member.isLearner,
      status: undefined,
      tookMs: 0,
      error: client === undefined ? NOT_STARTED : "",
    };
  }

  static async of(member: Member, settings: Settings): Promise<Poll> {
    const { clientURLs } = member;
    return new Poll(member, clientURLs.length === 0 ? undefined : await clientOf(settings, clientURLs));
  }

  ask(): Promise<void> {
    if (this.#client === undefined) return Promise.resolve();
    this.#asking ??= this.#askNow(this.#client).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #askNow(client: Client): Promise<void> {
    const begunMs = performance.now();
    try {
      const status = await client.maintenance.status();
      const tookMs = performance.now() - begunMs;
      this.state = { ...this.state, status, isLearner: status.isLearner, tookMs, error: "" };
    } catch (error) {
      this.state = { ...this.state, status: undefined, error: (error as Error).message };
    }
  }
}
