import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import type { ManualClock } from "@quorate/testkit/clock";
import { Lessor, type LessorOptions } from "../../lease/lessor.ts";
import type { PeerRequest, PeerRequests, PeerResponse } from "../../peer/peer-requests.ts";

/** A lessor that has no leases yet, and proposes nothing. */
export function newLessor(clock: ManualClock, more: Partial<LessorOptions> = {}): Lessor {
  return new Lessor({
    clock,
    backend: new MemoryBackend({ clock }),
    proposals: { proposeRevoke: () => {}, proposeCheckpoint: async () => {} },
    minimumTtlSeconds: 2,
    electionTimeoutMs: 1000,
    requestTimeoutMs: 7000,
    checkpoints: false,
    hashSeed: 1,
    ...more,
  });
}

/** A request that waits for the test to answer it. */
export interface Sent {
  readonly url: string;
  readonly request: PeerRequest;
  answer(status: number, body?: Uint8Array): void;
  fail(): void;
  readonly aborted: boolean;
}

/** Requests to other members, kept until the test answers them. */
export class FakePeerRequests implements PeerRequests {
  readonly sent: Sent[] = [];
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  send(url: string, request: PeerRequest): Promise<PeerResponse> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error("no answer"));
      this.#clock.setTimer(request.timeoutMs, fail);
      request.signal?.addEventListener("abort", fail);
      this.sent.push({
        url,
        request,
        answer: (status, body = new Uint8Array(0)) =>
          resolve({ status, headers: {}, body: Buffer.from(body) }),
        fail,
        get aborted() {
          return request.signal?.aborted === true;
        },
      });
    });
  }

  close(): void {}
}

/** Lets time pass in small steps, with everything that promises lead to. */
export async function passTime(clock: ManualClock, ms: number): Promise<void> {
  await settle();
  for (let passed = 0; passed < ms; passed += 10) {
    clock.advance(Math.min(10, ms - passed));
    await settle();
  }
}

/** Everything that promises lead to without time. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
