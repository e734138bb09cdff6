/** Where a local cluster lives: its members' names, ports and folders. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { DEFAULT_FIRST_PORT, DEFAULT_SIZE, DevError, type DevOptions, MAX_SIZE } from "./options.ts";

const HOST = "127.0.0.1";
/** Members remember each other's peer URLs, so a cluster that is started again must get its ports again. */
const LAYOUT_FILE = "dev-cluster.json";
const PORT_STEP = 10;

export interface MemberPlace {
  readonly name: string;
  readonly dataDir: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

export interface Layout {
  readonly dataDir: string;
  readonly isTemporary: boolean;
  readonly members: readonly MemberPlace[];
}

interface Ports {
  readonly clientPort: number;
  readonly peerPort: number;
}

/** Makes the data directory, or finds the cluster in it, and checks that every port is free. Throws `DevError`. */
export async function prepareLayout(options: DevOptions): Promise<Layout> {
  const isTemporary = options.dataDir === undefined;
  const kept = isTemporary ? undefined : readKept(options.dataDir!);
  if (kept !== undefined) checkUnchanged(options, kept);
  const ports = kept ?? (await choosePorts(options.size ?? DEFAULT_SIZE, options.firstPort));
  for (const { clientPort, peerPort } of ports) {
    await checkFree(clientPort);
    await checkFree(peerPort);
  }
  const dataDir = isTemporary ? mkdtempSync(path.join(tmpdir(), "quorate-dev-")) : makeDir(options.dataDir!);
  if (!isTemporary && kept === undefined) {
    writeFileSync(path.join(dataDir, LAYOUT_FILE), `${JSON.stringify(ports)}\n`);
  }
  const members = ports.map((of, i) => ({
    ...of,
    name: `m${i + 1}`,
    dataDir: path.join(dataDir, `m${i + 1}`),
  }));
  return { dataDir, isTemporary, members };
}

export function removeTemporary(layout: Layout): void {
  if (layout.isTemporary) rmSync(layout.dataDir, { recursive: true, force: true, maxRetries: 3 });
}

export function clientUrl(member: MemberPlace): string {
  return `http://${HOST}:${member.clientPort}`;
}

/** The flags that make a process this member of the cluster. */
export function memberArguments(layout: Layout, member: MemberPlace): string[] {
  const peerUrl = (of: MemberPlace): string => `http://${HOST}:${of.peerPort}`;
  return [
    ...["--name", member.name, "--data-dir", member.dataDir],
    ...["--listen-client-urls", clientUrl(member), "--advertise-client-urls", clientUrl(member)],
    ...["--listen-peer-urls", peerUrl(member), "--initial-advertise-peer-urls", peerUrl(member)],
    ...["--initial-cluster", layout.members.map((of) => `${of.name}=${peerUrl(of)}`).join(",")],
    ...["--initial-cluster-token", "quorate-dev", "--initial-cluster-state", "new"],
  ];
}

function makeDir(dataDir: string): string {
  try {
    mkdirSync(dataDir, { recursive: true });
  } catch (error) {
    throw new DevError(`cannot make ${dataDir}: ${(error as Error).message}`);
  }
  return dataDir;
}

function readKept(dataDir: string): readonly Ports[] | undefined {
  const file = path.join(dataDir, LAYOUT_FILE);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new DevError(`cannot read ${file}: ${(error as Error).message}`);
  }
  const ports = parsePorts(text);
  if (ports === undefined) throw new DevError(`${file} is damaged`);
  return ports;
}

function parsePorts(text: string): readonly Ports[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!Array.isArray(value) || value.length < 1 || value.length > MAX_SIZE) return undefined;
    const isPort = (port: unknown): boolean =>
      Number.isInteger(port) && Number(port) > 0 && Number(port) < 65_536;
    return value.every((of) => isPort(of?.clientPort) && isPort(of?.peerPort)) ? value : undefined;
  } catch {
    return undefined;
  }
}

function checkUnchanged(options: DevOptions, kept: readonly Ports[]): void {
  if (options.size !== undefined && options.size !== kept.length) {
    throw new DevError(`${options.dataDir} holds a cluster of ${kept.length}, not of ${options.size}`);
  }
  const firstPort = kept[0]!.clientPort;
  if (options.firstPort !== undefined && options.firstPort !== firstPort) {
    throw new DevError(`the cluster in ${options.dataDir} keeps its ports, from ${firstPort} on`);
  }
}

async function choosePorts(size: number, firstPort = DEFAULT_FIRST_PORT): Promise<readonly Ports[]> {
  if (firstPort === 0) return freePorts(size);
  return Array.from({ length: size }, (_, i) => ({
    clientPort: firstPort + i * PORT_STEP,
    peerPort: firstPort + i * PORT_STEP + 1,
  }));
}

/** Listens on all of them until the last one is chosen, so that they differ. */
async function freePorts(size: number): Promise<readonly Ports[]> {
  const servers = await Promise.all(Array.from({ length: size * 2 }, () => listen(0)));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return Array.from({ length: size }, (_, i) => ({ clientPort: ports[2 * i]!, peerPort: ports[2 * i + 1]! }));
}

async function checkFree(port: number): Promise<void> {
  try {
    const server = await listen(port);
    await new Promise((resolve) => server.close(resolve));
  } catch (error) {
    throw new DevError(
      (error as NodeJS.ErrnoException).code === "EADDRINUSE"
        ? `port ${port} is in use; choose others with --port N, or free ones with --port 0`
        : `cannot listen on port ${port}: ${(error as Error).message}`,
    );
  }
}

function listen(port: number): Promise<ReturnType<typeof createServer>> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, HOST, () => resolve(server));
  });
}
