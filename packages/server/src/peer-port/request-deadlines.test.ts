import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import test, { type TestContext } from "node:test";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import { RequestDeadlines } from "./request-deadlines.ts";

const TIMEOUT_MS = 60;

/** A server that gets its connections from elsewhere, as the peer listener's does, and answers when it is told to. */
async function setUp(t: TestContext) {
  const responses: http.ServerResponse[] = [];
  const server = http.createServer({ keepAliveTimeout: 0 }, (_, response) => responses.push(response));
  new RequestDeadlines(server, TIMEOUT_MS);
  const listener = net.createServer((socket) => server.emit("connection", socket));
  await listenOnFreePort(listener);
  const socket = net.connect((listener.address() as net.AddressInfo).port, "127.0.0.1");
  const state = { closed: false };
  socket.on("error", () => {});
  socket.resume();
  socket.on("close", () => {
    state.closed = true;
  });
  t.after(() => {
    socket.destroy();
    listener.close();
  });
  return { responses, socket, state };
}

const REQUEST = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

for (const [name, text] of [
  ["nothing", ""],
  ["half a request", "GET / HTTP/1.1\r\nHo"],
]) {
  test(`a connection that sends ${name} is closed`, async (t) => {
    const { socket, state } = await setUp(t);
    if (text !== "") socket.write(text!);
    await until(() => state.closed);
  });
}

test("a request may take its time; only then the next one is waited for", async (t) => {
  const { responses, socket, state } = await setUp(t);
  socket.write(REQUEST);
  await until(() => responses.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 3 * TIMEOUT_MS));
  assert.equal(state.closed, false);
  responses[0]!.end("done");
  await until(() => state.closed);
});

test("the end of one request does not end another one on the same connection", async (t) => {
  const { responses, socket, state } = await setUp(t);
  socket.write(REQUEST + REQUEST);
  await until(() => responses.length === 2);
  responses[0]!.end("done");
  await new Promise((resolve) => setTimeout(resolve, 3 * TIMEOUT_MS));
  assert.equal(state.closed, false);
  responses[1]!.end("done");
  await until(() => state.closed);
});
