import { rmSync } from "node:fs";
import type { Server as HttpServer } from "node:http";
import net from "node:net";
import {
  type GrpcServer,
  type Listener,
  type ListenOptions,
  type SecureConnections,
  serve,
  TLS_PROTOCOLS,
} from "@quorate/rpc";
import { ConfigError } from "../config/errors.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { type BindAddress, bindAddresses, cannotListen, isMissingAddress } from "../http/bind-addresses.ts";
import type { Clock } from "../seams/clock.ts";
import type { Logger } from "../telemetry/logger.ts";
import { Certificates } from "../tls/certificates.ts";
import { TlsAcceptor } from "../tls/tls-acceptor.ts";

/** The listeners of one kind of traffic, and the URLs at which they can be reached. */
export interface OpenListeners {
  readonly listeners: readonly Listener[];
  readonly urls: readonly string[];
}

/** Fails with one clear line when an address for clients is taken, before any data has been touched. */
export async function checkClientAddressesFree(config: ServerConfig): Promise<void> {
  for (const address of config.listenClientUrls.flatMap(bindAddresses)) {
    if (address.path !== undefined || address.port === 0) continue;
    const server = net.createServer();
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: address.host, port: address.port, exclusive: true }, resolve);
      });
      await new Promise((resolve) => server.close(resolve));
    } catch (error) {
      if (!isMissingAddress(error, address)) throw cannotListen(address, error);
    }
  }
}

export async function openClientListeners(
  config: ServerConfig,
  grpc: GrpcServer,
  http: HttpServer,
  clock: Clock,
  log: Logger,
): Promise<OpenListeners> {
  if (config.clientTls === undefined) return open(config.listenClientUrls, { grpc, http }, undefined);
  const certificates = new Certificates(config.clientTls, "client", clock, log);
  return open(config.listenClientUrls, { grpc, http }, (onSecure) => {
    const acceptor = new TlsAcceptor({
      certificates,
      side: "client",
      protocols: TLS_PROTOCOLS,
      log,
      onSecure,
    });
    return (socket) => void acceptor.accept(socket);
  });
}

async function open(
  listenUrls: readonly string[],
  options: ListenOptions,
  tls: SecureConnections | undefined,
): Promise<OpenListeners> {
  const listeners: Listener[] = [];
  const urls: string[] = [];
  const addresses = listenUrls.map(bindAddresses);
  const sharing = Map.groupBy(addresses.flat(), nameOf);
  try {
    for (const [i, url] of listenUrls.entries()) {
      let chosenPort: number | undefined;
      for (const address of addresses[i]!) {
        if (address.secure && tls === undefined)
          throw new ConfigError(`no TLS certificate is configured for ${url}`);
        // An address that is given with both schemes serves both, from its first mention on.
        const together = address.port === 0 ? [address] : sharing.get(nameOf(address))!;
        if (together[0] !== address) continue;
        if (address.path !== undefined) rmSync(address.path, { force: true });
        try {
          const port = chosenPort ?? address.port;
          const listener = await serve({
            ...options,
            ...(address.path === undefined ? { host: address.host!, port: port! } : { path: address.path }),
            ...(tls !== undefined && together.some(({ secure }) => secure) ? { tls } : {}),
            plaintext: together.some(({ secure }) => !secure),
          });
          listeners.push(listener);
          if (typeof listener.address !== "string") chosenPort = listener.address.port;
        } catch (error) {
          if (!isMissingAddress(error, address)) throw cannotListen(address, error);
        }
      }
      urls.push(chosenPort === undefined ? url : url.replace(/:\d+$/, `:${chosenPort}`));
    }
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()));
    throw error;
  }
  return { listeners, urls };
}

function nameOf({ path, host, port }: BindAddress): string {
  return path ?? `${host}:${port}`;
}
