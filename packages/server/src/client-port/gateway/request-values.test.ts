import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "@quorate/testkit/property";
import type { GatewayRequest } from "./exchange.ts";
import { RequestValues } from "./request-values.ts";

/** A request whose body a test sends, and what has become of it. */
class Harness {
  readonly values: RequestValues;
  readonly seen: string[] = [];
  paused = false;
  stopped = false;
  /** Called with each value, after it has been noted. */
  onValue: () => void = () => {};
  #data: (chunk: Uint8Array) => void = () => {};
  #end: () => void = () => {};

  constructor() {
    const request: GatewayRequest = {
      method: "POST",
      rawHeaders: [],
      remoteAddress: "",
      clientAddress: "",
      bodyEnds: true,
      readBody: (onData, onEnd) => {
        this.#data = onData;
        this.#end = onEnd;
      },
      pauseReading: () => {
        this.paused = true;
      },
      resumeReading: () => {
        this.paused = false;
      },
      stopReading: () => {
        this.stopped = true;
      },
    };
    this.values = new RequestValues(request, 1000, {
      onValue: (value) => {
        this.seen.push(Buffer.from(value).toString());
        this.onValue();
      },
      onBadBody: () => this.seen.push("bad"),
      onEnd: () => this.seen.push("end"),
    });
    this.values.begin();
  }

  /** Sends a chunk that is overwritten afterwards, as a socket's buffer is. */
  send(text: string): void {
    const chunk = new Uint8Array(Buffer.from(text));
    this.#data(chunk);
    chunk.fill(0x21);
  }

  end(): void {
    this.#end();
  }
}

test("values come one by one, and nothing comes while reading is paused", () => {
  const h = new Harness();
  h.onValue = () => h.values.pause();
  h.send('{"a":1}{"b":2}{"c":');
  assert.deepEqual([h.seen, h.paused], [['{"a":1}'], true]);
  h.send("3}4 ");
  h.end();
  assert.equal(h.seen.length, 1);
  h.values.resume();
  assert.deepEqual([h.seen.length, h.paused], [2, true]);
  h.values.resume();
  h.values.resume();
  assert.deepEqual(h.seen, ['{"a":1}', '{"b":2}', '{"c":3}', "4"]);
  h.values.resume();
  assert.deepEqual([h.seen.at(-1), h.paused], ["end", false]);
});

test("a number that the end of the body completes waits too", () => {
  const h = new Harness();
  h.send("12");
  h.values.pause();
  h.end();
  assert.deepEqual(h.seen, []);
  h.values.resume();
  assert.deepEqual(h.seen, ["12", "end"]);
});

test("reading that is paused before it begins does not begin", () => {
  const h = new Harness();
  h.values.pause();
  h.send("{}");
  assert.deepEqual([h.seen, h.paused], [[], true]);
  h.values.resume();
  assert.deepEqual([h.seen, h.paused], [["{}"], false]);
});

test("what is no JSON ends the values, not the body", () => {
  const h = new Harness();
  h.send("{} nonsense {}");
  h.send("{}");
  h.end();
  assert.deepEqual(h.seen, ["{}", "bad", "end"]);
});

test("after a stop nothing is called", () => {
  const h = new Harness();
  h.onValue = () => h.values.stop();
  h.send("{}{}");
  h.values.resume();
  h.end();
  assert.deepEqual([h.seen, h.stopped], [["{}"], true]);
});

test("however a body is cut and whenever reading is paused, its values are the same", () => {
  const body = '{"a":[1,2]}"x" 17 null{"b":{"c":"}"}}[]';
  const want = ['{"a":[1,2]}', '"x"', "17", "null", '{"b":{"c":"}"}}', "[]", "end"];
  const anyStep = fc.constantFrom("send", "pause", "resume", "pause at the next value", "pause for a moment");
  fc.assert(
    fc.property(fc.array(fc.tuple(anyStep, fc.nat(12)), { maxLength: 40 }), (steps) => {
      const h = new Harness();
      let at = 0;
      for (const [step, size] of steps) {
        if (step === "send") {
          h.send(body.slice(at, at + size));
          at += size;
        } else if (step === "pause") h.values.pause();
        else if (step === "resume") h.values.resume();
        else {
          h.onValue = () => {
            h.onValue = () => {};
            h.values.pause();
            if (step === "pause for a moment") h.values.resume();
          };
        }
      }
      h.send(body.slice(at));
      h.end();
      while (h.seen.at(-1) !== "end") h.values.resume();
      assert.deepEqual(h.seen, want);
    }),
    { numRuns: 500 },
  );
});
