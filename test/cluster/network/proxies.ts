/**
 * Links through TCP proxies in this process, for machines where namespaces cannot be made, and for delays. Every
 * member is reached through one proxy; who dials is found by whose socket it is. A cut direction stalls: its bytes
 * wait, as TCP would send them again, and pass when the link is healed. A lost packet is a stall of one retransmission.
 */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import net from "node:net";
import { freePorts, listenOnFreePort } from "@quorate/testkit/ports";
import type { SeededRandom } from "@quorate/testkit/random";
import type { Network, Place } from "./network.ts";

const RETRANSMISSION_MS = 200;
/** Bytes held for a direction before its sender is no longer read. */
const MAX_HELD_BYTES = 1 << 20;

interface LinkState {
  cut: boolean;
  lossProbability: number;
  delayMs: number;
  jitterMs: number;
}

export class ProxyNetwork implements Network {
  readonly kind = "proxies";
  readonly canDelay = true;
  readonly canReset = true;
  readonly #random: SeededRandom;
  readonly #pids = new Map<string, number>();
  readonly #servers: net.Server[] = [];
  readonly #links = new Map<string, LinkState>();
  readonly #directions = new Set<Direction>();
  readonly #sockets = new Set<net.Socket>();
  /** Called when a link may pass something again. */
  readonly #waiting = new Set<() => void>();

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  async place(name: string): Promise<Place> {
    const [clientPort, peerPort] = (await freePorts(2)) as [number, number];
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
    server.on("connection", (socket) => void this.#accept(socket, name, peerPort));
    const port = await listenOnFreePort(server);
    this.#servers.push(server);
    return {
      clientAddress: `127.0.0.1:${clientPort}`,
      listenPeerUrl: `http://127.0.0.1:${peerPort}`,
      advertisedPeerUrl: `http://127.0.0.1:${port}`,
      commandPrefix: [],
    };
  }

  occupied(name: string, pid: number): void {
    this.#pids.set(name, pid);
  }

  async cut(from: string, to: string): Promise<void> {
    this.#link(from, to).cut = true;
  }

  async lose(from: string, to: string, probability: number): Promise<void> {
    this.#link(from, to).lossProbability = probability;
  }

  async delay(from: string, to: string, delayMs: number, jitterMs: number): Promise<void> {
    Object.assign(this.#link(from, to), { delayMs, jitterMs });
  }

  reset(): number {
    const count = this.#sockets.size;
    for (const socket of this.#sockets) socket.resetAndDestroy();
    return count;
  }

  async heal(): Promise<void> {
    for (const link of this.#links.values()) {
      Object.assign(link, { cut: false, lossProbability: 0, delayMs: 0, jitterMs: 0 });
    }
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    for (const direction of this.#directions) direction.flush();
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    for (const wake of this.#waiting) wake();
  }

  #link(from: string, to: string): LinkState {
    const key = `${from}>${to}`;
    const link = this.#links.get(key) ?? { cut: false, lossProbability: 0, delayMs: 0, jitterMs: 0 };
    this.#links.set(key, link);
    return link;
  }

  async #accept(dialled: net.Socket, to: string, peerPort: number): Promise<void> {
    this.#track(dialled);
    const from = this.#dialler(dialled);
    // A process that has just gone, or that does not belong to the cluster.
    if (from === undefined) return void dialled.destroy();
    const there = this.#link(from, to);
    const back = this.#link(to, from);
    // A handshake needs both directions.
    while ((there.cut || back.cut) && !dialled.destroyed) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    if (dialled.destroyed) return;
    const onward = net.connect({ host: "127.0.0.1", port: peerPort, noDelay: true, allowHalfOpen: true });
    this.#track(onward);
    dialled.setNoDelay(true);
    this.#directions.add(this.#pipe(dialled, onward, there));
    this.#directions.add(this.#pipe(onward, dialled, back));
  }

  #pipe(source: net.Socket, target: net.Socket, link: LinkState): Direction {
    const direction: Direction = new Direction(source, target, link, this.#random, () =>
      this.#directions.delete(direction),
    );
    return direction;
  }

  #track(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }

  /** The member whose process holds the other end of the socket. */
  #dialler(socket: net.Socket): string | undefined {
    const local = hexAddress(socket.remotePort ?? 0);
    const remote = hexAddress(socket.localPort ?? 0);
    const line = readFileSync("/proc/net/tcp", "latin1")
      .split("\n")
      .find((row) => row.includes(` ${local} ${remote} `));
    const inode = line?.trim().split(/\s+/)[9];
    if (inode === undefined) return undefined;
    return [...this.#pids].find(([, pid]) => holdsSocket(pid, inode))?.[0];
  }
}

function hexAddress(port: number): string {
  return `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
}

function holdsSocket(pid: number, inode: string): boolean {
  const dir = `/proc/${pid}/fd`;
  try {
    return readdirSync(dir).some((fd) => {
      try {
        return readlinkSync(`${dir}/${fd}`) === `socket:[${inode}]`;
      } catch {
        return false; // closed meanwhile
      }
    });
  } catch {
    return false; // the process has ended
  }
}

/** Moves the bytes of one direction of one connection, in order, as the link allows. */
class Direction {
  readonly #source: net.Socket;
  readonly #target: net.Socket;
  readonly #link: LinkState;
  readonly #random: SeededRandom;
  readonly #held: { readonly chunk: Buffer | "end" | "close"; readonly dueMs: number }[] = [];
  #heldBytes = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    source: net.Socket,
    target: net.Socket,
    link: LinkState,
    random: SeededRandom,
    onClosed: () => void,
  ) {
    this.#source = source;
    this.#target = target;
    this.#link = link;
    this.#random = random;
    source.on("data", (chunk: Buffer) => this.#hold(chunk));
    source.on("end", () => this.#hold("end"));
    source.on("close", () => this.#hold("close"));
    target.on("close", () => {
      clearTimeout(this.#timer);
      onClosed();
    });
    target.on("drain", () => this.#source.resume());
    source.resume();
  }

  #hold(chunk: Buffer | "end" | "close"): void {
    const { delayMs, jitterMs, lossProbability } = this.#link;
    let lateMs = delayMs + this.#random.below(jitterMs + 1);
    // Lost copies are sent again after ever longer pauses.
    for (
      let pauseMs = RETRANSMISSION_MS;
      this.#random.chance(lossProbability) && pauseMs < 4_000;
      pauseMs *= 2
    ) {
      lateMs += pauseMs;
    }
    this.#lastDueMs = Math.max(this.#lastDueMs, performance.now() + lateMs);
    this.#held.push({ chunk, dueMs: this.#lastDueMs });
    if (typeof chunk !== "string") this.#heldBytes += chunk.length;
    if (this.#heldBytes > MAX_HELD_BYTES) this.#source.pause();
    this.flush();
  }

  /** Passes on what is due. */
  flush(): void {
    clearTimeout(this.#timer);
    while (this.#held.length > 0 && !this.#link.cut) {
      const { chunk, dueMs } = this.#held[0]!;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.flush(), waitMs);
        return;
      }
      this.#held.shift();
      if (chunk === "end") this.#target.end();
      else if (chunk === "close") this.#target.destroy();
      else {
        this.#heldBytes -= chunk.length;
        if (!this.#target.write(chunk)) this.#source.pause();
        else if (this.#heldBytes < MAX_HELD_BYTES) this.#source.resume();
      }
    }
  }
}
