import assert from "node:assert/strict";
import { test } from "node:test";
import type { Peer, ServerCall } from "@quorate/rpc/server";
import { GrpcError } from "@quorate/rpc/status";
import { ManualClock } from "@quorate/testkit/clock";
import { encode } from "@quorate/wire";
import { RangeResponseSchema, WatchResponseSchema } from "@quorate/wire/etcdserverpb";
import type { StreamHandler, UnaryHandler } from "../services.ts";
import { OwnClient } from "./own-client.ts";

const RANGE = "/etcdserverpb.KV/Range";
const WATCH = "/etcdserverpb.Watch/Watch";
const peer: Peer = { address: "192.0.2.1", port: 7 };
const NEVER = new AbortController().signal;

function clientOf(handlers: { range?: UnaryHandler; watch?: StreamHandler }, metadata = {}) {
  const values: Record<string, string[]> = metadata;
  const call = { peer, metadataValues: (name: string) => values[name] ?? [] } as unknown as ServerCall;
  const unary = new Map(handlers.range === undefined ? [] : [[RANGE, handlers.range]]);
  const streams = new Map(handlers.watch === undefined ? [] : [[WATCH, handlers.watch]]);
  return new OwnClient({ unary, streams }, new ManualClock(), call);
}

const response = (revision: bigint) => encode(RangeResponseSchema, { header: { revision } });
const event = (revision: bigint) => encode(WatchResponseSchema, { header: { revision }, events: [{}] });

test("calls come from where the other call comes from, with its credentials and nothing else of it", async () => {
  const seen: unknown[] = [];
  const client = clientOf(
    {
      range: (_, call) => {
        seen.push(call.peer, ...["token", "authorization", "hasleader"].map((name) => call.metadata(name)));
        call.reply(response(3n));
      },
    },
    { token: ["t"], authorization: ["a"], hasleader: ["true"] },
  );
  assert.equal((await client.range({})).header!.revision, 3n);
  assert.deepEqual(seen, [peer, "t", "a", undefined]);
});

test("a refusal is a status; a defect of a handler is that defect", async () => {
  const refused = clientOf({ range: (_, call) => call.fail(7, "no") }).range({});
  await assert.rejects(refused, (error) => error instanceof GrpcError && error.code === 7);
  const defect = new TypeError("a mistake");
  const broken = clientOf({
    range: () => {
      throw defect;
    },
  });
  await assert.rejects(broken.range({}), (error) => error === defect);
});

test("an answer in parts is one, and its parts are given back", async () => {
  const released: number[] = [];
  const whole = response(300n);
  const client = clientOf({
    range: (_, call) => {
      call.replyInParts([whole.slice(0, 0), whole], (part) => released.push(part.length));
    },
  });
  assert.equal((await client.range({})).header!.revision, 300n);
  assert.deepEqual(released, [0, whole.length]);
});

test("a watcher waits for whoever is slow, and ends with whoever has enough", async () => {
  let call: ServerCall | undefined;
  const wantsMore: boolean[] = [];
  let drained = 0;
  let ended = "";
  const client = clientOf({
    watch: (given) => {
      call = given;
      given.onDrain = () => drained++;
      given.onCancel = (reason) => {
        ended = reason;
      };
    },
  });
  const events = client.watch({}, NEVER);
  const first = events.next();
  wantsMore.push(call!.send(event(1n)), call!.send(event(2n)));
  assert.equal((await first).value!.header!.revision, 1n);
  assert.deepEqual(wantsMore, [false, false]);
  assert.equal((await events.next()).value!.header!.revision, 2n);
  // Not before the last one has been taken.
  const before = drained;
  const third = events.next();
  assert.equal(drained, before + 1);
  call!.send(event(3n));
  assert.equal((await third).value!.header!.revision, 3n);
  await events.return();
  assert.equal(ended, "canceled");
});

test("a watcher ends when its signal fires, also before it began, and when its history is gone", async () => {
  const gone = AbortSignal.abort();
  const watch: StreamHandler = () => {};
  await assert.rejects(clientOf({ watch }).watch({}, gone).next(), /context canceled/);
  const controller = new AbortController();
  const waiting = clientOf({ watch }).watch({}, controller.signal).next();
  controller.abort();
  await assert.rejects(waiting, /context canceled/);
  const compacted = clientOf({
    watch: (call) => {
      call.onMessage = () => {
        call.send(encode(WatchResponseSchema, { canceled: true, compactRevision: 5n }));
      };
    },
  });
  await assert.rejects(compacted.watch({}, NEVER).next(), { code: "COMPACTED" });
});
