import http from "node:http";
import type { AddressInfo } from "node:net";
import { realClock } from "@quorate/storage/seams/real-clock";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { FakeBackend } from "./fake-backend.testing.ts";
import { createGateway, type Gateway, type GatewayOptions } from "./gateway.ts";

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** A gateway on a loopback port, over a fake backend. What is none of the gateway's is answered with 299. */
export class TestGateway implements AsyncDisposable {
  readonly backend = new FakeBackend();
  readonly gateway: Gateway;
  readonly server: http.Server;

  private constructor(options: Partial<GatewayOptions>) {
    this.gateway = createGateway({
      backend: this.backend,
      clock: realClock,
      maxRequestBytes: 1_572_864,
      cors: ["*"],
      hostWhitelist: ["*"],
      clientCertAuth: false,
      isAuthEnabled: () => false,
      ...options,
    });
    this.server = http.createServer((req, res) => {
      if (!this.gateway.handle(req, res)) res.writeHead(299).end();
    });
    this.server.on("upgrade", (req, socket, head) => {
      if (!this.gateway.upgrade(req, socket, head)) socket.destroy();
    });
  }

  static async start(options: Partial<GatewayOptions> = {}): Promise<TestGateway> {
    const test = new TestGateway(options);
    await listenOnFreePort(test.server);
    return test;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  open(path: string, options: http.RequestOptions = {}): http.ClientRequest {
    return http.request({
      host: "127.0.0.1",
      port: this.port,
      path,
      method: "POST",
      agent: false,
      ...options,
    });
  }

  /** Sends a whole body and reads the whole answer. */
  ask(path: string, body: string | Uint8Array = "", options: http.RequestOptions = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const req = this.open(path, options);
      req.on("response", (res) => {
        let text = "";
        res.setEncoding("utf8");
        res.on("data", (chunk: string) => {
          text += chunk;
        });
        res.on("end", () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text }));
        res.on("error", reject);
      });
      req.on("error", reject);
      req.end(body);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.gateway.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
