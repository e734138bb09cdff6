import http from "node:http";
import type { NodeId } from "@quorate/raft";
import type { Clock, Timer } from "@quorate/storage/seams/clock";
import { formatId } from "../cluster/ids.ts";
import type { Logger } from "../log/logger.ts";
import type { DialSchedule } from "./dial-schedule.ts";
import { type PeerAgent, peerRequestOptions } from "./dialer.ts";
import type { PeerCounts } from "./metrics.ts";
import type { UrlPicker } from "./url-picker.ts";

const INTERVAL_MS = 4_000;
const TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 4096;
/** How much a new round trip counts in the smoothed one. */
const WEIGHT = 0.125;
const LARGEST_CLOCK_DIFFERENCE_MS = 1_000;
/** How often the smoothed round trip is observed, and the state of a peer that is not well is told. */
const HEALTHY_REPORT_MS = 30_000;
const UNHEALTHY_REPORT_MS = 5_000;

export interface ProberOptions {
  readonly peerId: NodeId;
  /** Which of the two ways to the peer this one tries. */
  readonly name: string;
  readonly agent: PeerAgent;
  readonly picker: UrlPicker;
  readonly schedule: DialSchedule;
  readonly counts: PeerCounts;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Asks a peer every 4 s whether it is there, how far away, and what time it is. It leaves out its question while others
 * find that the peer does not answer.
 */
export class Prober {
  readonly #options: ProberOptions;
  #probe: Timer;
  #report: Timer;
  #open: http.ClientRequest | undefined;
  /** Exponentially smoothed, from 0 on. */
  #roundTripMs = 0;
  #clockDifferenceMs = 0;
  #failure: string | undefined;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#probe = options.clock.setTimer(INTERVAL_MS, () => this.#ask());
    this.#report = options.clock.setTimer(UNHEALTHY_REPORT_MS, () => this.#tell());
  }

  close(): void {
    this.#probe.cancel();
    this.#report.cancel();
    this.#open?.destroy();
  }

  #ask(): void {
    const { agent, clock, picker, schedule } = this.#options;
    this.#probe = clock.setTimer(INTERVAL_MS, () => this.#ask());
    const address = picker.current;
    // One that has not been answered yet fails by its own time.
    if (address === undefined || this.#open !== undefined) return;
    if (!schedule.take()) {
      this.#failure ??= "the peer does not answer";
      return;
    }
    const startedMs = clock.nowMs();
    const request = http.request({ ...peerRequestOptions(address.url, agent), path: "/raft/probing" });
    this.#open = request;
    const timer = clock.setTimer(TIMEOUT_MS, () => request.destroy(new Error("no answer in time")));
    let body = "";
    let isAnswered = false;
    const finish = (failure: string | undefined) => {
      if (this.#open !== request) return;
      this.#open = undefined;
      timer.cancel();
      if (!isAnswered) schedule.failed(startedMs);
      this.#failure = failure;
      if (failure !== undefined) picker.failed(address);
    };
    request.on("response", (response) => {
      isAnswered = true;
      schedule.answered();
      response.setEncoding("latin1");
      response.on("error", (error) => finish(error.message));
      response.on("data", (text: string) => {
        body += text;
        if (body.length > MAX_ANSWER_BYTES) request.destroy(new Error("the answer is too large"));
      });
      response.on("end", () => {
        const peerTimeMs = response.statusCode === 200 ? timeOf(body) : undefined;
        if (peerTimeMs !== undefined) this.#answered(clock.nowMs() - startedMs, peerTimeMs);
        finish(peerTimeMs === undefined ? "the answer is none to a probe" : undefined);
      });
    });
    request.on("error", (error) => finish(error.message));
    request.on("close", () => finish("connection closed"));
    request.end();
  }

  #answered(roundTripMs: number, peerTimeMs: number): void {
    this.#roundTripMs = (1 - WEIGHT) * this.#roundTripMs + WEIGHT * roundTripMs;
    this.#clockDifferenceMs = this.#options.clock.wallMs() - peerTimeMs - this.#roundTripMs / 2;
  }

  #tell(): void {
    const { clock, counts, log, name, peerId } = this.#options;
    const isHealthy = this.#failure === undefined;
    this.#report = clock.setTimer(isHealthy ? HEALTHY_REPORT_MS : UNHEALTHY_REPORT_MS, () => this.#tell());
    const facts = { "round-tripper-name": name, "remote-peer-id": formatId(peerId) };
    if (!isHealthy) log.warn("prober detected unhealthy status", { ...facts, error: this.#failure });
    if (Math.abs(this.#clockDifferenceMs) > LARGEST_CLOCK_DIFFERENCE_MS) {
      log.warn("prober found high clock drift", {
        ...facts,
        clockDriftMs: Math.round(this.#clockDifferenceMs),
      });
    }
    counts.roundTripSeconds.observe(this.#roundTripMs / 1_000);
  }
}

/** The peer's time in Unix milliseconds, with a fraction; undefined when the answer does not say that all is well. */
function timeOf(body: string): number | undefined {
  try {
    const { OK, Now } = JSON.parse(body) as { OK?: unknown; Now?: unknown };
    const timeMs = Date.parse(String(Now));
    return OK === true && Number.isFinite(timeMs) ? timeMs : undefined;
  } catch {
    return undefined;
  }
}
