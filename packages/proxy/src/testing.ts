import type { TestContext } from "node:test";
import { GrpcClient } from "@quorate/rpc/client";
import { decodeMessage, encodeMessage, type Init, WatchRequest, WatchResponse } from "@quorate/wire/messages";
import { GrpcProxy, type GrpcProxyOptions } from "./grpc-proxy.ts";

export interface StartedProxy {
  readonly proxy: GrpcProxy;
  readonly port: number;
  readonly endpoint: string;
  /** What it has told its log. */
  readonly lines: string[];
}

/** A proxy of these members on a free port, until the test ends. */
export async function startProxy(
  t: Pick<TestContext, "after">,
  endpoints: readonly string[],
  options: Partial<GrpcProxyOptions> = {},
): Promise<StartedProxy> {
  const lines: string[] = [];
  const proxy = new GrpcProxy({
    endpoints,
    settings: () => ({ connectTimeoutMs: 30_000 }),
    name: "proxy",
    log: (_level, message) => void lines.push(message),
    ...options,
  });
  t.after(() => proxy.close());
  const { port } = await proxy.listen({ host: "127.0.0.1", port: 0 });
  return { proxy, port, endpoint: `127.0.0.1:${port}`, lines };
}

/** A watch stream, spoken to by hand. */
export class RawWatch {
  readonly responses: WatchResponse[] = [];
  /** With which status it has ended. */
  ended: { readonly code: number; readonly details: string } | undefined;
  readonly #client: GrpcClient;
  readonly #stream: ReturnType<GrpcClient["stream"]>;

  static async open(address: string, metadata: Readonly<Record<string, string>> = {}): Promise<RawWatch> {
    return new RawWatch(await GrpcClient.connect({ address, connectTimeoutMs: 60_000 }), metadata);
  }

  private constructor(client: GrpcClient, metadata: Readonly<Record<string, string>>) {
    this.#client = client;
    this.#stream = client.stream("/etcdserverpb.Watch/Watch", { metadata });
    this.#stream.onMessage = (message) => this.responses.push(decodeMessage(WatchResponse, message.slice()));
    this.#stream.onEnd = ({ code, details }) => {
      this.ended = { code, details };
    };
  }

  ask(request: Init<WatchRequest>): void {
    this.#stream.send(encodeMessage(WatchRequest, request));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#stream.send(bytes);
  }

  pause(): void {
    this.#stream.pauseReading();
  }

  resume(): void {
    this.#stream.resumeReading();
  }

  /** Revisions of all events for one watcher, in their order. */
  revisionsOf(watchId: bigint): number[] {
    return this.responses
      .filter((response) => response.watchId === watchId)
      .flatMap(({ events }) => events.map(({ kv }) => Number(kv!.modRevision)));
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** The value of a metric of the proxy's own. */
export async function metricOf({ port }: StartedProxy, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/proxy/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
}
