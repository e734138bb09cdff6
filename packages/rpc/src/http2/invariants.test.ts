import assert from "node:assert/strict";
import test from "node:test";
import { RpcInvariantError } from "../invariant.ts";
import { Http2Connection } from "./connection.ts";
import type { HeaderBlock } from "./header-block.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { Http2Stream } from "./stream.ts";

/** A stream that does nothing by itself. */
class PlainStream extends Http2Stream {
  override onHeaders(): void {}
  override onData(): void {}
  override onAbort(): void {}
  override onWritable(): void {}
  override writeTrailers(): void {}
}

function connection(): Http2Connection {
  const ignore = () => {};
  const handler = {
    ...{ onOutput: ignore, onLastOutput: ignore, onReady: ignore, onPing: ignore },
    ...{ onGoAway: ignore, onStreamGone: ignore },
    onRequest: (on: Http2Connection, id: number) => new PlainStream(on, id),
  };
  return new Http2Connection({ role: "server", limits: DEFAULT_LIMITS, handler, clock: { nowMs: () => 0 } });
}

const REQUEST = { contentLength: -1, listBytes: 8192 } as HeaderBlock;

function open(on: Http2Connection, id = 1): PlainStream {
  const stream = new PlainStream(on, id);
  on.addStream(stream, REQUEST, false);
  return stream;
}

const broken: readonly { readonly name: string; readonly provoke: (on: Http2Connection) => void }[] = [
  {
    name: "no more is sent than the windows allow",
    provoke: (on) => {
      const stream = open(on);
      stream.enqueue(new Uint8Array(10));
      // Somebody sends between the look at the window and the frame.
      const copyQueued = stream.copyQueued.bind(stream);
      stream.copyQueued = (target, offset, count) => {
        copyQueued(target, offset, count);
        on.sendWindow = count - 1;
      };
      on.pump(1000);
    },
  },
  {
    name: "nothing follows the end of a stream",
    provoke: (on) => {
      const stream = open(on);
      stream.queueEnd(false);
      stream.enqueue(new Uint8Array(10));
    },
  },
  {
    name: "no more is sent than is queued",
    provoke: (on) => {
      const stream = open(on);
      stream.enqueue(new Uint8Array(10));
      stream.copyQueued(new Uint8Array(20), 0, 11);
    },
  },
  {
    name: "a connection counts what its streams have queued",
    provoke: (on) => {
      const stream = open(on);
      stream.enqueue(new Uint8Array(10));
      on.queued[stream.queueKind] = 9;
      stream.dropQueue();
    },
  },
  {
    name: "a stream has an id of its own",
    provoke: (on) => {
      open(on, 5);
      open(on, 5);
    },
  },
  {
    name: "the window of a stream grows",
    provoke: (on) => {
      const stream = open(on);
      // The window that streams begin with is not to be changed.
      (on as { initialReceiveWindow: number }).initialReceiveWindow = -2;
      stream.receiveWindow = -1;
      on.returnStreamCredit(stream);
    },
  },
  {
    name: "what a paused stream keeps is given up once",
    provoke: (on) => {
      on.hold(10);
      on.hold(-10);
      on.hold(-10);
    },
  },
  {
    name: "the end of a stream is sent once",
    provoke: (on) => {
      const stream = open(on);
      on.closeLocal(stream);
      on.closeLocal(stream);
    },
  },
  {
    name: "a stream leaves its connection once",
    provoke: (on) => {
      const stream = open(on);
      stream.reset();
      stream.state = 0;
      stream.reset();
    },
  },
];
for (const { name, provoke } of broken) {
  test(`a broken invariant is found: ${name}`, () => {
    assert.throws(() => provoke(connection()), new RpcInvariantError(name));
  });
}
