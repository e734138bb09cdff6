import { EventEmitter } from "node:events";
import type http from "node:http";
import type { PeerRequest, PeerRequests, PeerResponse } from "@quorate/server/simulation";
import type { Space } from "./endpoint.ts";
import type { Life } from "./life.ts";

/** Single requests between simulated members: the real handlers, without the sockets. */
export class SimulatedPeerRequests implements PeerRequests {
  readonly #space: Space;
  readonly #address: string;
  readonly #life: Life;

  constructor(space: Space, address: string, life: Life) {
    this.#space = space;
    this.#address = address;
    this.#life = life;
  }

  send(baseUrl: string, request: PeerRequest): Promise<PeerResponse> {
    const { network, time } = this.#space;
    return new Promise((resolve, reject) => {
      const timer = this.#life.clock.setTimer(request.timeoutMs, () =>
        reject(new Error("no answer in time")),
      );
      request.signal?.addEventListener("abort", () => reject(new Error("request canceled")));
      const back = (settle: () => void) => {
        network.send(baseUrl, this.#address, false, () => {
          this.#life.enter(() => {
            timer.cancel();
            settle();
          });
        });
      };
      network.send(this.#address, baseUrl, false, () => {
        const target = this.#space.endpoint(baseUrl);
        const handler = target?.peerHandler;
        if (target === undefined || handler === undefined) {
          back(() => reject(new Error("connection refused")));
          return;
        }
        const forget = target.life.onEnd(() =>
          time.after(network.delayMs(), () => back(() => reject(new Error("connection reset")))),
        );
        target.life.enter(() => {
          const response = new FakeResponse((answer) => {
            forget();
            back(() => resolve(answer));
          });
          handler(
            new FakeRequest(request) as unknown as http.IncomingMessage,
            response as unknown as http.ServerResponse,
          );
        });
      });
    });
  }

  close(): void {}
}

/** As much of an incoming request as handlers use. */
class FakeRequest extends EventEmitter {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(request: PeerRequest) {
    super();
    this.method = request.method;
    this.url = request.path;
    this.headers = request.headers ?? {};
    const body = Buffer.from((request.body ?? "") as string);
    queueMicrotask(() => {
      if (body.length > 0) this.emit("data", body);
      this.emit("end");
    });
  }

  pause(): this {
    return this;
  }

  resume(): this {
    return this;
  }
}

class FakeResponse extends EventEmitter {
  headersSent = false;
  readonly #answered: (answer: PeerResponse) => void;
  #status = 200;
  #headers: Record<string, string> = {};

  constructor(answered: (answer: PeerResponse) => void) {
    super();
    this.#answered = answered;
  }

  setHeader(name: string, value: string): this {
    this.#headers[name.toLowerCase()] = String(value);
    return this;
  }

  writeHead(status: number, headers: Record<string, string> = {}): this {
    this.headersSent = true;
    this.#status = status;
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
    return this;
  }

  end(body: Uint8Array | string = ""): this {
    this.headersSent = true;
    this.#answered({ status: this.#status, headers: this.#headers, body: Buffer.from(body as string) });
    return this;
  }

  destroy(): this {
    return this;
  }
}
