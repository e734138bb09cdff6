import assert from "node:assert/strict";
import net from "node:net";
import type { TestContext } from "node:test";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import { createHttp1Server, type Http1Options } from "./http1-server.ts";

export const REQUEST = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/** A server that gets its connections from elsewhere, as the client port's does. */
export async function start(t: TestContext, options: Partial<Http1Options> = {}) {
  const server = createHttp1Server({
    onRequest: (req, res) => res.end(`${req.method} ${req.headers["x-large"]?.length ?? 0}`),
    upgrades: () => false,
    onUpgrade: () => {},
    ...options,
  });
  const listener = net.createServer({ allowHalfOpen: true }, (socket) => server.emit("connection", socket));
  const port = await listenOnFreePort(listener);
  const clients: Client[] = [];
  t.after(() => {
    for (const { socket } of clients) socket.destroy();
    server.close();
    server.closeAllConnections();
    listener.close();
  });
  return () => {
    const client = new Client(port);
    clients.push(client);
    return client;
  };
}

export class Client {
  readonly socket: net.Socket;
  readonly closed: Promise<void>;
  isClosed = false;
  text = "";

  constructor(port: number) {
    this.socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.socket.on("error", () => {});
    this.socket.on("end", () => this.socket.end());
    this.socket.on("data", (chunk: Buffer) => {
      this.text += chunk.toString();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on("close", () => {
        this.isClosed = true;
        resolve();
      });
    });
  }

  send(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** Resolves when `count` answers have begun. */
  async answers(count: number): Promise<void> {
    await until(() => {
      const isThere = this.text.split("HTTP/1.1 ").length - 1 >= count;
      if (!isThere) assert.equal(this.isClosed, false, `closed after ${JSON.stringify(this.text)}`);
      return isThere;
    });
  }
}
