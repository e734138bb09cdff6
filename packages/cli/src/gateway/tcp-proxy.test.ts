import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import test, { type TestContext } from "node:test";
import { freePort, listenOnFreePort } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import { type Remote, Remotes } from "./remotes.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const HOST = "127.0.0.1";
const remoteAt = (port: number): Remote => ({ host: HOST, port, priority: 0, weight: 0 });

/** Says its name, and then what it is told, until it is told no more. */
async function startMember(t: TestContext, name: string, port?: number): Promise<number> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.write(`${name}:`);
    socket.pipe(socket);
  });
  t.after(() => server.close());
  if (port === undefined) return listenOnFreePort(server);
  server.listen(port, HOST);
  await once(server, "listening");
  return port;
}

async function startProxy(t: TestContext, remotes: Remotes, retryDelayMs = 60_000) {
  const lines: string[] = [];
  const log = (_level: string, message: string) => void lines.push(message);
  const proxy = new TcpProxy({ remotes, retryDelayMs, log });
  t.after(() => proxy.close());
  return { port: await proxy.listen(HOST, 0), lines, proxy };
}

/** All that is answered when no more is said. */
async function converse(port: number, text: string): Promise<string> {
  const socket = net.connect({ port, host: HOST, allowHalfOpen: true });
  socket.on("error", () => {});
  socket.end(text);
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk.toString();
  });
  // One that is reset has an error before, which `once` would throw.
  await new Promise((resolve) => socket.once("close", resolve));
  return answer;
}

test("connections go to one member after another, and both sides hear all of the other", async (t) => {
  const ports = [await startMember(t, "a"), await startMember(t, "b")];
  const { port } = await startProxy(t, new Remotes(ports.map(remoteAt), Math.random));
  const large = "x".repeat(1_000_000);
  assert.equal(await converse(port, "one"), "a:one");
  assert.equal(await converse(port, large), `b:${large}`);
  assert.equal(await converse(port, "three"), "a:three");
});

test("a member that is not there is passed over, and has its turn again when it is back", async (t) => {
  const missing = await freePort();
  const remotes = new Remotes([remoteAt(missing), remoteAt(await startMember(t, "b"))], Math.random);
  const { port, lines } = await startProxy(t, remotes, 5);
  assert.equal(await converse(port, "1"), "b:1");
  assert.ok(lines.includes("deactivated endpoint"), lines.join("\n"));
  await until(() => lines.includes("failed to activate endpoint (stay inactive for another interval)"));
  await startMember(t, "a", missing);
  await until(() => lines.includes("activated"));
  const answers = [await converse(port, "2"), await converse(port, "3")];
  assert.deepEqual(answers.map((answer) => answer[0]).sort(), ["a", "b"]);
});

test("a connection for which there is nobody is closed", async (t) => {
  const remotes = new Remotes([remoteAt(await freePort())], Math.random);
  const { port } = await startProxy(t, remotes);
  assert.equal(await converse(port, "1"), "");
  assert.equal(remotes.failed.length, 1);
});

test("closing ends connections that are open", async (t) => {
  const remotes = new Remotes([remoteAt(await startMember(t, "a"))], Math.random);
  const { port, proxy } = await startProxy(t, remotes);
  const socket = net.connect({ port, host: HOST });
  socket.on("error", () => {});
  await once(socket, "data");
  const closed = once(socket, "close");
  await proxy.close();
  await closed;
});
