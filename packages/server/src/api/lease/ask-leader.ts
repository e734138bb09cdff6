import { pause } from "@quorate/storage/seams/waiting";
import type { ClusterMember } from "../../cluster/member-json.ts";
import { RequestError } from "../../errors.ts";
import type { PeerResponse } from "../../peer/peer-requests.ts";
import type { LeaderContext } from "../context.ts";
import { LeaderRequests } from "./leader-requests.ts";

/** This attempt gave no answer: the next URL, or the next leader, may. */
export const TRY_AGAIN = Symbol("try again");

/** Something that only the lessor can answer. */
export interface Question<Result> {
  readonly path: string;
  readonly body: Uint8Array;
  readonly maxResponseBytes: number;
  /** Asked when this member leads by now. */
  askHere(): Promise<Result | typeof TRY_AGAIN>;
  read(response: PeerResponse): Result | typeof TRY_AGAIN | Promise<Result | typeof TRY_AGAIN>;
}

const PAUSE_BETWEEN_ROUNDS_MS = 50;
const HEADERS = { "content-type": "application/protobuf" };

/** Passes on what the leader alone can answer, to whoever leads until there is an answer. */
export class LeaderQuestions {
  readonly #context: LeaderContext;
  readonly #requests: LeaderRequests;

  constructor(context: LeaderContext) {
    this.#context = context;
    this.#requests = new LeaderRequests(context);
  }

  /** Rejects with NO_LEADER or TIMEOUT after the request timeout, with CANCELED when the client has gone. */
  async ask<Result>(question: Question<Result>, signal: AbortSignal): Promise<Result> {
    const { clock, requestTimeoutMs, membership } = this.#context;
    const deadlineMs = clock.nowMs() + requestTimeoutMs;
    for (;;) {
      const leader = await this.#leader(deadlineMs, signal);
      const result =
        leader.id === membership.localId
          ? await question.askHere()
          : await this.#askThere(leader, question, deadlineMs, signal);
      if (result !== TRY_AGAIN) return result;
      await this.#pause(PAUSE_BETWEEN_ROUNDS_MS, signal);
      if (clock.nowMs() >= deadlineMs) throw new RequestError("TIMEOUT");
    }
  }

  async #askThere<Result>(
    leader: ClusterMember,
    question: Question<Result>,
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<Result | typeof TRY_AGAIN> {
    const { path, body, maxResponseBytes } = question;
    for (const url of leader.peerUrls) {
      if (signal.aborted) throw new RequestError("CANCELED");
      const request = { leader: leader.id, url, path, body, headers: HEADERS, deadlineMs, maxResponseBytes };
      const response = await this.#requests.send(request, signal);
      if (signal.aborted) throw new RequestError("CANCELED");
      const result = response === undefined ? TRY_AGAIN : await question.read(response);
      if (result !== TRY_AGAIN) return result;
      if (this.#context.consensus.leader !== leader.id) break;
    }
    return TRY_AGAIN;
  }

  /** A member that is known and leads, as soon as there is one. */
  async #leader(deadlineMs: number, signal: AbortSignal): Promise<ClusterMember> {
    const { consensus, membership, clock, config } = this.#context;
    for (;;) {
      const leader = membership.member(consensus.leader);
      if (leader !== undefined && leader.peerUrls.length > 0) return leader;
      if (leader !== undefined || clock.nowMs() >= deadlineMs) throw new RequestError("NO_LEADER");
      await this.#pause(config.heartbeatMs, signal);
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    if (!(await pause(this.#context.clock, ms, signal))) throw new RequestError("CANCELED");
  }
}
