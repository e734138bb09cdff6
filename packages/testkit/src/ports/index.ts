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

/** Distinct ports nobody listens on at this moment; all are held until the last one is chosen. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer());
  const ports = await Promise.all(servers.map(listenOnFreePort));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** One of `freePorts`. */
export async function freePort(): Promise<number> {
  return (await freePorts(1))[0]!;
}
