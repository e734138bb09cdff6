import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { freePorts, listenOnFreePort } from "./index.ts";

test("ports differ and can be listened on", async (t) => {
  const ports = await freePorts(20);
  assert.equal(new Set(ports).size, 20);
  assert.ok(
    ports.every((port) => port < 32_768),
    "one that somebody else may be given",
  );
  const server = net.createServer();
  t.after(() => server.close());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(ports[0], "127.0.0.1", resolve);
  });
});

test("a server listens on the loopback interface, at the port that is told", async (t) => {
  const server = net.createServer((socket) => socket.end("hello"));
  t.after(() => server.close());
  const port = await listenOnFreePort(server);
  const socket = net.connect(port, "127.0.0.1");
  let heard = "";
  for await (const chunk of socket) heard += chunk;
  assert.equal(heard, "hello");
  await assert.rejects(listenOnFreePort(server), { code: "ERR_SERVER_ALREADY_LISTEN" });
});
