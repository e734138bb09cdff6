/** What becomes of calls that are refused because users or roles have changed. */
import assert from "node:assert/strict";
import http2 from "node:http2";
import { describe, test } from "node:test";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { Client, type ClientOptions } from "../index.ts";

const OLD = "etcdserver: revision of auth store is old";
const INVALID = "etcdserver: invalid auth token";
const NO_USER = "etcdserver: user name is empty";
const EMPTY = Buffer.alloc(5);

const cases: readonly {
  readonly name: string;
  readonly who: Partial<ClientOptions>;
  readonly refusals: readonly string[];
  /** What was asked for; a token is fetched before the first call as well. */
  readonly asked: string;
  readonly fails?: true;
}[] = [
  {
    name: "of a user known by a certificate are made again",
    who: {},
    refusals: [OLD, OLD],
    asked: "Put Put Put",
  },
  { name: "of nobody whose token is wrong are made again", who: {}, refusals: [INVALID], asked: "Put Put" },
  { name: "of nobody are told", who: {}, refusals: [NO_USER], asked: "Put", fails: true },
  { name: "with a given token are told", who: { token: "t" }, refusals: [OLD], asked: "Put", fails: true },
  {
    name: "with a given token that is wrong are told",
    who: { token: "t" },
    refusals: [INVALID],
    asked: "Put",
    fails: true,
  },
  ...[OLD, INVALID, NO_USER].map((refusal) => ({
    name: `of a user with a password are made again with another token (${refusal})`,
    who: { credentials: { user: "u", password: "p" } },
    refusals: [refusal],
    asked: "Authenticate Put Authenticate Put",
  })),
];

describe("calls that are refused", () => {
  for (const { name, who, refusals, asked, fails } of cases)
    test(name, async (t) => {
      const server = http2.createServer();
      const left = [...refusals];
      const seen: string[] = [];
      server.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
        const method = headers[":path"]!.split("/").at(-1)!;
        seen.push(method);
        const refusal = method === "Put" ? left.shift() : undefined;
        const status =
          refusal === undefined ? { "grpc-status": "0" } : { "grpc-status": "3", "grpc-message": refusal };
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
        stream.once("wantTrailers", () => stream.sendTrailers(status));
        stream.end(refusal === undefined ? EMPTY : undefined);
      });
      t.after(() => server.close());
      const endpoints = [`127.0.0.1:${await listenOnFreePort(server)}`];
      await using client = new Client({ endpoints, requestTimeoutMs: 60_000, ...who });
      const put = client.kv.put({ key: "k", value: "v" });
      if (fails) await assert.rejects(put, { name: "ClientError", details: refusals[0] });
      else await put;
      assert.equal(seen.join(" "), asked);
    });
});
