import type { GatewayCall } from "@quorate/server/simulation";
import type { Machine } from "../world/machine.ts";
import type { World } from "../world/world.ts";

/** A call that did not succeed. */
export class CallError extends Error {
  /** gRPC's. */
  readonly code: number;
  /** It certainly had no effect. */
  readonly hadNoEffect: boolean;

  constructor(code: number, message: string, hadNoEffect: boolean) {
    super(message);
    this.name = "CallError";
    this.code = code;
    this.hadNoEffect = hadNoEffect;
  }
}

const UNAVAILABLE = 14;
const DEADLINE_EXCEEDED = 4;

/** Refused before anything was proposed, or by every member alike. */
const WITHOUT_EFFECT = [
  "etcdserver: too many requests",
  "etcdserver: not capable",
  "etcdserver: no leader",
  "etcdserver: rpc not supported for learner",
  "etcdserver: requested lease not found",
  "etcdserver: mvcc: required revision has been compacted",
  "etcdserver: mvcc: required revision is a future revision",
  "etcdserver: permission denied",
  "etcdserver: user name is empty",
  "etcdserver: invalid auth token",
  "etcdserver: revision of auth store is old",
];

export interface StreamEvents {
  onMessage(message: Uint8Array): void;
  /** The last one. */
  onEnd(error: CallError): void;
}

export interface ClientStream {
  send(message: Uint8Array): void;
  /** Takes no more messages, but for those on their way, until `resume`. */
  pause(): void;
  resume(): void;
  cancel(): void;
}

/** Calls the member on `machine` as a client somewhere in the network does, which may have a token. */
export function call(
  world: World,
  machine: Machine,
  path: string,
  request: Uint8Array,
  timeoutMs: number,
  token?: string,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let response: Uint8Array | undefined;
    let settled = false;
    const settle = (finish: () => void) => {
      if (settled) return;
      settled = true;
      timer.run = undefined;
      finish();
    };
    const events: StreamEvents = {
      onMessage: (message) => {
        response = message;
      },
      onEnd: (error) => {
        settle(() => {
          if (error.code === 0 && response !== undefined) resolve(response);
          else reject(error);
        });
      },
    };
    const stream = openStream(world, machine, path, timeoutMs, events, token);
    const timer = world.time.after(timeoutMs, () => {
      settle(() => {
        stream.cancel();
        reject(new CallError(DEADLINE_EXCEEDED, "the client gave up", false));
      });
    });
    stream.send(request);
  });
}

/** A call with any number of messages. Messages keep their order; after `onEnd` there are none. */
export function openStream(
  world: World,
  machine: Machine,
  path: string,
  timeoutMs: number,
  events: StreamEvents,
  token?: string,
): ClientStream {
  const { network, time, trace } = world;
  let ended = false;
  let lastArrivalMs = 0;
  /** A connection keeps the order of what it carries, in both directions. */
  const later = (run: () => void) => {
    lastArrivalMs = Math.max(lastArrivalMs, time.nowMs + network.delayMs());
    time.after(lastArrivalMs - time.nowMs, run);
  };
  const end = (error: CallError) => {
    later(() => {
      if (ended) return;
      ended = true;
      forget();
      events.onEnd(error);
    });
  };
  let forget = () => {};
  const cancel = () => {
    if (ended) return;
    ended = true;
    forget();
    enter(() => started?.cancel());
  };
  const process = machine.process;
  const enter = (run: () => void) => later(() => process?.life.enter(run));
  let started: GatewayCall | undefined;
  if (process?.isServing !== true) {
    end(new CallError(UNAVAILABLE, "connection refused", true));
    return { send() {}, pause() {}, resume() {}, cancel };
  }
  forget = process.life.onEnd(() => end(new CallError(UNAVAILABLE, "connection lost", false)));
  enter(() => {
    if (process.calls === undefined) {
      end(new CallError(UNAVAILABLE, "connection refused", true));
      return;
    }
    const onMessage = (bytes: Uint8Array) => {
      const copy = bytes.slice();
      trace.bytes(copy);
      later(() => {
        if (!ended) events.onMessage(copy);
      });
    };
    const metadata = new Map(token === undefined ? [] : [["token", [token]]]);
    started = process.calls.start(path, metadata, timeoutMs, {
      onMessage,
      onParts: (parts, release) => {
        onMessage(new Uint8Array(Buffer.concat(parts)));
        for (const part of parts) release(part);
      },
      // These clients send few requests, and wait for their answers.
      onPauseReading: () => {},
      onResumeReading: () => {},
      onEnd: (code, message) => {
        trace.mark(time.nowMs, `${path} ${code} ${message}`);
        end(new CallError(code, message, WITHOUT_EFFECT.includes(message)));
      },
    });
  });
  return {
    send: (message) => enter(() => started?.send(message)),
    pause: () => enter(() => started?.pause?.()),
    resume: () => enter(() => started?.resume?.()),
    cancel,
  };
}
