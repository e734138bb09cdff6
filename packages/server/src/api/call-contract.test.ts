import assert from "node:assert/strict";
import { test } from "node:test";
import { GrpcClient } from "@quorate/rpc/client";
import { type CallObserver, GrpcServer, type ServerCall, type SlowUnaryCalls } from "@quorate/rpc/server";
import { Code, GrpcError } from "@quorate/rpc/status";
import { MemoryLink } from "@quorate/rpc/testing";
import { ManualClock, withCancelFunctions } from "@quorate/testkit/clock";
import { localCalls } from "./local-calls.ts";
import { type CallReport, ObservedCall } from "./observed-calls.ts";
import type { StreamHandler, UnaryHandler } from "./services.ts";

/*
 * What a handler and its client may rely on, whichever way the call comes: over HTTP/2 or within the process, as the JSON
 * gateway calls; and whether or not somebody hears of its end. Every case runs in all of these ways.
 */

const MAX_BYTES = 1_000;
const SLOW_MS = 100;
const UNARY = "/test.Service/Unary";
const STREAM = "/test.Service/Stream";

/** A call as its client sees it. Everything that is on its way has arrived when a method returns. */
interface Started {
  send(text: string): void;
  halfClose(): void;
  cancel(): void;
  /** Texts of the answers so far. */
  readonly answers: readonly string[];
  /** `code text`, once the call has ended for the client. */
  readonly status: string | undefined;
}

interface Caller {
  readonly clock: ManualClock;
  /** What was reported as a defect. */
  readonly defects: unknown[];
  /** Unary calls that took longer than `SLOW_MS`. */
  readonly slow: string[];
  /** What an observer of all calls has seen. */
  readonly seen: string[];
  start(path: string, timeoutMs?: number): Started;
  /** Lets what the handler has said since arrive. */
  settle(): void;
}

interface Handlers {
  readonly unary?: UnaryHandler;
  readonly stream?: StreamHandler;
}

const WAYS: Record<string, (handlers: Handlers) => Caller> = {
  "over the wire": ({ unary, stream }) => {
    const clock = new ManualClock();
    const defects: unknown[] = [];
    const slow: string[] = [];
    const seen: string[] = [];
    const server = new GrpcServer({
      clock: withCancelFunctions(clock),
      maxReceiveMessageBytes: MAX_BYTES,
      onHandlerError: (error) => defects.push(error),
      slowUnary: slowCalls(slow),
      observer: observing(seen),
    });
    if (unary !== undefined) server.unary(UNARY, unary);
    if (stream !== undefined) server.stream(STREAM, stream);
    const link = new MemoryLink();
    server.attach(link.open, { address: "test", port: 1 });
    const client = GrpcClient.over(link.open, { clock: withCancelFunctions(clock) });
    link.deliver();
    return {
      clock,
      defects,
      slow,
      seen,
      start(path, timeoutMs = Number.POSITIVE_INFINITY) {
        const answers: string[] = [];
        let status: string | undefined;
        const call = client.stream(path, { deadlineMs: clock.nowMs() + timeoutMs });
        call.onMessage = (message) => answers.push(Buffer.from(message).toString());
        call.onEnd = ({ code, details }) => {
          status = `${code} ${details}`;
        };
        const then = (step: () => void) => {
          step();
          link.deliver();
        };
        link.deliver();
        return {
          answers,
          send: (text) => then(() => call.send(Buffer.from(text))),
          halfClose: () => then(() => call.halfClose()),
          cancel: () => then(() => call.cancel()),
          get status() {
            return status;
          },
        };
      },
      settle: () => link.deliver(),
    };
  },
  "in the process": ({ unary, stream }) => {
    const clock = new ManualClock();
    const defects: unknown[] = [];
    const slow: string[] = [];
    const seen: string[] = [];
    const services = {
      unary: new Map(unary === undefined ? [] : [[UNARY, unary]]),
      streams: new Map(stream === undefined ? [] : [[STREAM, stream]]),
      observer: observing(seen),
    };
    const backend = localCalls(
      services,
      clock,
      MAX_BYTES,
      (error) => defects.push(error),
      undefined,
      slowCalls(slow),
    );
    return {
      clock,
      defects,
      slow,
      seen,
      start(path, timeoutMs = Number.POSITIVE_INFINITY) {
        const answers: string[] = [];
        let status: string | undefined;
        const call = backend.start(path, new Map(), timeoutMs, {
          onMessage: (message) => {
            const parts = message instanceof Uint8Array ? [message] : message;
            answers.push(Buffer.concat(parts).toString());
          },
          onParts: (parts, release) => {
            answers.push(Buffer.concat(parts).toString());
            for (const part of parts) release(part);
          },
          onPauseReading: () => {},
          onResumeReading: () => {},
          onEnd: (code, text) => {
            assert.equal(status, undefined, "a call ends once");
            status = `${code} ${text}`;
          },
        });
        return {
          answers,
          send: (text) => call.send(new Uint8Array(Buffer.from(text))),
          halfClose: () => call.halfClose(),
          cancel: () => {
            call.cancel();
            status ??= "1 context canceled";
          },
          get status() {
            return status;
          },
        };
      },
      settle: () => {},
    };
  },
};

/** Every way without an observer, and with one: of each call whose handler was told of it this hears the end, once. */
const CALLERS: Record<string, (handlers: Handlers) => { caller: Caller; checkEnds: () => void }> =
  Object.fromEntries(
    Object.entries(WAYS).flatMap(([way, open]) => [
      [way, (handlers: Handlers) => ({ caller: open(handlers), checkEnds: () => {} })],
      [
        `${way}, observed`,
        (handlers: Handlers) => {
          const ends = new Ends();
          return { caller: open(ends.observed(handlers)), checkEnds: () => ends.check() };
        },
      ],
    ]),
  );

/** What an observer hears of the ends of calls, beside what these came to. */
class Ends {
  readonly #calls: { readonly call: ServerCall; readonly reports: CallReport<unknown>[] }[] = [];

  observed({ unary, stream }: Handlers): Handlers {
    return {
      ...(unary && {
        unary: (message: Uint8Array, call: ServerCall) => {
          const observed = this.#observe(call, false);
          observed.requested(message);
          observed.guard(() => unary(message, observed));
        },
      }),
      ...(stream && {
        stream: (call: ServerCall) => {
          const observed = this.#observe(call, true);
          observed.guard(() => stream(observed));
        },
      }),
    };
  }

  check(): void {
    for (const { call, reports } of this.#calls) {
      assert.equal(reports.length, call.ended ? 1 : 0, "an end is heard of once");
      for (const { status, left } of reports) {
        assert.equal(status === undefined, left !== undefined, "it has a status, or a reason");
      }
    }
  }

  #observe(call: ServerCall, isStream: boolean): ObservedCall {
    const reports: CallReport<unknown>[] = [];
    this.#calls.push({ call, reports });
    return new ObservedCall(call, { ended: (report) => void reports.push(report) }, isStream);
  }
}

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const text = (message: Uint8Array): string => Buffer.from(message).toString();

function slowCalls(told: string[]): SlowUnaryCalls {
  return {
    afterMs: SLOW_MS,
    report: ({ path, requestBytes, responseBytes }, tookMs, code) => {
      told.push(`${path} ${requestBytes} ${responseBytes} ${Math.floor(tookMs)} ms ${code}`);
    },
  };
}

function observing(seen: string[]): CallObserver {
  return {
    onCallStart: ({ path }, kind) => void seen.push(`begin ${kind} ${path}`),
    onCallEnd: ({ path, sentMessages }, code) => void seen.push(`end ${path} ${code} ${sentMessages}`),
  };
}

/** Runs `body` in every way; `calls` has the handler's side of every call, `heard` what it was told. */
function contract(
  name: string,
  handlersOf: (calls: ServerCall[], heard: string[]) => Handlers,
  body: (caller: Caller, calls: ServerCall[], heard: string[]) => void | Promise<void>,
): void {
  for (const [way, open] of Object.entries(CALLERS)) {
    test(`${way}: ${name}`, async () => {
      const calls: ServerCall[] = [];
      const heard: string[] = [];
      const { caller, checkEnds } = open(handlersOf(calls, heard));
      await body(caller, calls, heard);
      checkEnds();
    });
  }
}

/** Handlers that do nothing of themselves but hear everything. */
const listening = (calls: ServerCall[], heard: string[]): Handlers => ({
  unary: (message, call) => {
    calls.push(call);
    heard.push(`message ${text(message)}`);
    call.onCancel = (reason) => heard.push(reason);
  },
  stream: (call) => {
    calls.push(call);
    call.onMessage = (message) => heard.push(`message ${text(message)}`);
    call.onHalfClose = () => heard.push("half-close");
    call.onCancel = (reason) => heard.push(reason);
  },
});

// ---- Unary ----

contract("a unary call gets its answer, at once or later", listening, (caller, calls, heard) => {
  const early = caller.start(UNARY);
  early.send("a");
  calls[0]!.reply(bytes("A"));
  caller.settle();
  early.halfClose();
  const late = caller.start(UNARY);
  late.send("b");
  late.halfClose();
  assert.equal(late.status, undefined);
  calls[1]!.reply(bytes("B"));
  caller.settle();
  assert.deepEqual([early.answers, early.status], [["A"], "0 "]);
  assert.deepEqual([late.answers, late.status], [["B"], "0 "]);
  assert.deepEqual(heard, ["message a", "message b"]);
});

contract("an answer in parts is one, and every part is given back", listening, (caller, calls) => {
  const call = caller.start(UNARY);
  call.send("a");
  call.halfClose();
  let released = 0;
  calls[0]!.replyInParts([bytes("one "), bytes("two")], () => void released++);
  caller.settle();
  calls[0]!.replyInParts([bytes("three")], () => void released++);
  assert.deepEqual([call.answers, call.status, released], [["one two"], "0 ", 3]);
});

contract("a unary call without a message fails", listening, (caller, _calls, heard) => {
  const call = caller.start(UNARY);
  call.halfClose();
  assert.equal(call.status, "2 EOF");
  assert.deepEqual(heard, []);
});

contract(
  "a second message fails a unary call, and its handler is told",
  listening,
  (caller, _calls, heard) => {
    const call = caller.start(UNARY);
    call.send("a");
    call.send("b");
    assert.equal(call.status, "13 unary call with more than one request message");
    assert.deepEqual(heard, ["message a", "failed"]);
  },
);

contract("an unknown method is not implemented", listening, (caller) => {
  const call = caller.start("/test.Service/Nothing");
  caller.settle();
  assert.equal(call.status, "12 unknown method Nothing for service test.Service");
});

// ---- Streams ----

contract(
  "a client stream is answered once when its client has said everything",
  () => {
    return {
      stream: (call) => {
        let sum = "";
        call.onMessage = (message) => {
          sum += text(message);
        };
        call.onHalfClose = () => call.reply(bytes(sum));
      },
    };
  },
  (caller) => {
    const call = caller.start(STREAM);
    for (const part of ["a", "b", "c"]) call.send(part);
    assert.deepEqual([call.answers, call.status], [[], undefined]);
    call.halfClose();
    assert.deepEqual([call.answers, call.status], [["abc"], "0 "]);
  },
);

contract(
  "a server stream ends when its handler says so, also long after the half-close",
  listening,
  (caller, calls) => {
    const call = caller.start(STREAM);
    call.send("a");
    call.halfClose();
    for (const part of ["1", "2", "3"]) calls[0]!.send(bytes(part));
    caller.settle();
    assert.deepEqual([call.answers, call.status], [["1", "2", "3"], undefined]);
    calls[0]!.end();
    calls[0]!.send(bytes("4"));
    calls[0]!.fail(Code.ABORTED, "too late");
    caller.settle();
    assert.deepEqual([call.answers, call.status], [["1", "2", "3"], "0 "]);
  },
);

contract("a bidirectional stream goes to and fro", listening, (caller, calls, heard) => {
  const call = caller.start(STREAM);
  calls[0]!.onMessage = (message) => void calls[0]!.send(bytes(`${text(message)}!`));
  call.send("a");
  call.send("b");
  assert.deepEqual(call.answers, ["a!", "b!"]);
  call.halfClose();
  assert.deepEqual(heard, ["half-close"]);
  calls[0]!.end();
  caller.settle();
  assert.equal(call.status, "0 ");
});

contract(
  "a message of a stream in parts is one, and nothing of it comes after the end",
  listening,
  (caller, calls) => {
    const call = caller.start(STREAM);
    calls[0]!.send(bytes("one"));
    assert.equal(calls[0]!.sendInParts([bytes("two "), bytes("three")]), true);
    calls[0]!.send(bytes("four"));
    assert.equal(calls[0]!.sentMessages, 3);
    calls[0]!.end();
    assert.equal(calls[0]!.sendInParts([bytes("five")]), false);
    caller.settle();
    assert.deepEqual([call.answers, call.status], [["one", "two three", "four"], "0 "]);
  },
);

contract("what comes while the handler does not read waits, in order", listening, (caller, calls, heard) => {
  const call = caller.start(STREAM);
  calls[0]!.onMessage = (message) => {
    heard.push(`message ${text(message)}`);
    calls[0]!.pauseReading();
  };
  for (const each of ["a", "b", "c"]) call.send(each);
  call.halfClose();
  for (const want of ["message a", "message b", "message c", "half-close"]) {
    assert.equal(heard.at(-1), want);
    calls[0]!.resumeReading();
    caller.settle();
  }
  calls[0]!.resumeReading();
  assert.deepEqual(heard, ["message a", "message b", "message c", "half-close"]);
});

contract("half-close does not overtake an answer that is pending", listening, (caller, calls, heard) => {
  const call = caller.start(STREAM);
  calls[0]!.onMessage = () => calls[0]!.pauseReading();
  calls[0]!.onHalfClose = () => calls[0]!.end();
  call.send("a");
  call.halfClose();
  assert.equal(call.status, undefined);
  calls[0]!.send(bytes("A"));
  calls[0]!.resumeReading();
  caller.settle();
  assert.deepEqual([call.answers, call.status], [["A"], "0 "]);
  assert.deepEqual(heard, []);
});

contract("reading on within a callback does not change the order", listening, (caller, calls, heard) => {
  const call = caller.start(STREAM);
  calls[0]!.pauseReading();
  for (const each of ["a", "b"]) call.send(each);
  call.halfClose();
  calls[0]!.onMessage = (message) => {
    calls[0]!.pauseReading();
    calls[0]!.resumeReading();
    heard.push(`message ${text(message)}`);
  };
  calls[0]!.resumeReading();
  caller.settle();
  assert.deepEqual(heard, ["message a", "message b", "half-close"]);
});

// ---- Ends that are not the handler's ----

for (const [kind, path] of [
  ["unary", UNARY],
  ["stream", STREAM],
] as const) {
  const begin = (caller: Caller, timeoutMs?: number): Started => {
    const call = caller.start(path, timeoutMs);
    call.send("a");
    return call;
  };

  contract(`${kind}: a client that cancels is heard of once`, listening, (caller, calls, heard) => {
    const call = begin(caller);
    call.cancel();
    call.cancel();
    assert.deepEqual(heard, ["message a", "canceled"]);
    assert.equal(calls[0]!.ended, true);
    assert.equal(calls[0]!.send(bytes("late")), false);
    calls[0]!.end();
    caller.settle();
    assert.deepEqual([call.answers, call.status], [[], "1 context canceled"]);
  });

  contract(`${kind}: a deadline ends the call for both sides`, listening, (caller, calls, heard) => {
    const call = begin(caller, 1_000);
    assert.equal(calls[0]!.deadlineMs, caller.clock.nowMs() + 1_000);
    caller.clock.advance(990);
    caller.settle();
    assert.equal(call.status, undefined);
    caller.clock.advance(20);
    caller.settle();
    assert.equal(call.status, "4 context deadline exceeded");
    assert.deepEqual(heard, ["message a", "deadline"]);
  });

  contract(`${kind}: who listens after the end is told at once, and once`, listening, (caller, calls) => {
    const call = begin(caller);
    calls[0]!.onCancel = undefined;
    call.cancel();
    const told: string[] = [];
    calls[0]!.onCancel = (reason) => told.push(reason);
    calls[0]!.onCancel = (reason) => told.push(reason);
    assert.deepEqual(told, ["canceled"]);
  });

  contract(
    `${kind}: the handler's own end is not told, and a cancel after it nothing`,
    listening,
    (caller, calls, heard) => {
      const call = begin(caller);
      calls[0]!.fail(Code.ABORTED, "enough");
      caller.settle();
      call.cancel();
      calls[0]!.onCancel = (reason) => heard.push(reason);
      assert.equal(call.status, "10 enough");
      assert.deepEqual(heard, ["message a"]);
    },
  );

  contract(`${kind}: a message over the limit fails the call`, listening, (caller, _calls, heard) => {
    const call = caller.start(path);
    call.send("x".repeat(MAX_BYTES + 1));
    assert.equal(call.status, `8 grpc: received message larger than max (${MAX_BYTES + 1} vs. ${MAX_BYTES})`);
    assert.deepEqual(heard, path === STREAM ? ["failed"] : []);
  });

  const throwing =
    (error: unknown) =>
    (_calls: ServerCall[], heard: string[]): Handlers => {
      const begun = (call: ServerCall): never => {
        call.onCancel = (reason) => heard.push(reason);
        throw error;
      };
      return {
        unary: (_message, call) => begun(call),
        stream: (call) => {
          call.onMessage = () => begun(call);
        },
      };
    };
  contract(
    `${kind}: a handler may throw a status`,
    throwing(new GrpcError(Code.ABORTED, "no")),
    (caller, _, heard) => {
      const call = begin(caller);
      assert.equal(call.status, "10 no");
      assert.deepEqual([heard, caller.defects], [["failed"], []]);
    },
  );
  contract(
    `${kind}: anything else that it throws is reported`,
    throwing(new Error("a defect")),
    (caller, _, heard) => {
      const call = begin(caller);
      assert.equal(call.status, "2 a defect");
      assert.deepEqual([heard, caller.defects.length], [["failed"], 1]);
    },
  );

  contract(`${kind}: failWith is as if the handler had thrown`, listening, (caller, calls, heard) => {
    const call = begin(caller);
    calls[0]!.failWith(new GrpcError(Code.ABORTED, "no"));
    calls[0]!.failWith(new Error("too late"));
    caller.settle();
    assert.equal(call.status, "10 no");
    assert.deepEqual(heard, ["message a", "failed"]);
  });
}

contract(
  "unary calls that took too long are told of when they end",
  (calls) => ({ unary: (_message, call) => void calls.push(call), stream: (call) => void calls.push(call) }),
  async (caller, calls) => {
    // What ends in one run of code is told of one time.
    const later = async (ms: number) => {
      await undefined;
      caller.clock.advance(ms);
    };
    for (const path of [UNARY, UNARY, UNARY, STREAM]) {
      const call = caller.start(path);
      call.send("abc");
      call.halfClose();
    }
    await later(50);
    calls[0]!.reply(bytes("in time"));
    await later(250);
    calls[1]!.reply(bytes("late"));
    calls[2]!.fail(Code.ABORTED, "no");
    calls[3]!.end();
    caller.settle();
    assert.deepEqual(caller.slow, [`${UNARY} 3 4 300 ms 0`, `${UNARY} 3 0 300 ms 10`]);
  },
);

contract(
  "who observes all calls sees each begin once and end once, however it ends",
  (calls) => ({ unary: (_message, call) => void calls.push(call), stream: (call) => void calls.push(call) }),
  (caller, calls) => {
    const answered = caller.start(UNARY);
    answered.send("a");
    answered.halfClose();
    calls[0]!.reply(bytes("A"));
    calls[0]!.reply(bytes("again"));
    caller.start(STREAM).cancel();
    caller.settle();
    caller.start(STREAM, 10);
    caller.clock.advance(2_000);
    caller.settle();
    caller.start("/test.Service/Nothing");
    caller.settle();
    assert.deepEqual(caller.seen, [
      `begin unary ${UNARY}`,
      `end ${UNARY} 0 1`,
      `begin stream ${STREAM}`,
      `end ${STREAM} 1 0`,
      `begin stream ${STREAM}`,
      `end ${STREAM} 4 0`,
      "begin unknown /test.Service/Nothing",
      "end /test.Service/Nothing 12 0",
    ]);
  },
);
