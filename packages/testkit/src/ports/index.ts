import { randomInt } from "node:crypto";
import net, { type AddressInfo } from "node:net";

/** Has `server` listen on the loopback interface, at a port that is free; resolves to that port. */
export async function listenOnFreePort(server: net.Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

/**
 * Ports below those that a system gives to whoever asks for any (Linux from 32768, others from 49152): a member that is down
 * for a moment finds its own one free again, however much goes on beside it.
 */
const FIRST_PORT = 10_000;
const LAST_PORT = 32_767;
const MOST_TRIES = 1_000;

/** Distinct ports nobody listens on at this moment; all are held until the last one is chosen. */
export async function freePorts(count: number): Promise<number[]> {
  const held = new Map<number, net.Server>();
  for (let tries = 0; held.size < count; tries++) {
    if (tries === MOST_TRIES + count) throw new Error(`no ${count} free ports in ${tries} tries`);
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    const server = held.has(port) ? undefined : await listenOn(port);
    if (server !== undefined) held.set(port, server);
  }
  await Promise.all([...held.values()].map((server) => new Promise((resolve) => server.close(resolve))));
  return [...held.keys()];
}

/** Undefined when the port is taken. */
function listenOn(port: number): Promise<net.Server | undefined> {
  const server = net.createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

/** One of `freePorts`. */
export async function freePort(): Promise<number> {
  return (await freePorts(1))[0]!;
}
