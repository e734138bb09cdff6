/** Many calls at once on one HTTP/2 connection, of which only the ends are looked at. */
import net from "node:net";
import { rawFrames as raw } from "@quorate/rpc/testing";
import type { GrpcCall } from "./inputs/grpc-calls.ts";
import { endsByItself } from "./inputs/methods.ts";

const TYPE = { DATA: 0, HEADERS: 1, RST: 3, SETTINGS: 4, PING: 6, GOAWAY: 7 } as const;
const END_STREAM = 1;
const MAX_FRAME = 16_384;
const WINDOW = 0x7fff_ffff;
/** A server under load, on a machine under load; a call that is forgotten waits for ever. */
const END_WITHIN_MS = 30_000;
const CANCEL = 8;

const GREETING = raw.concat(
  Buffer.from(raw.PREFACE),
  raw.settings([4, WINDOW]),
  raw.windowUpdate(0, WINDOW - 65_535),
);
const SETTINGS_ACK = raw.frame(TYPE.SETTINGS, 1, 0);

/**
 * Sends `calls` at once, and resolves when those that a server has to end have ended. The others are cancelled. Rejects
 * when one that has to end does not, or the server ends the connection.
 */
export async function callAll(port: number, calls: readonly GrpcCall[]): Promise<void> {
  const waiting = new Set<number>();
  const requests: Uint8Array[] = [GREETING];
  const cancellations: Uint8Array[] = [];
  for (const [i, call] of calls.entries()) {
    const id = 2 * i + 1;
    if (call.halfCloses && endsByItself(call.method)) waiting.add(id);
    else cancellations.push(raw.reset(id, CANCEL));
    requests.push(...framesOf(id, call));
  }
  const connection = new Ends(port, waiting);
  try {
    await connection.opened;
    connection.send(Buffer.concat(requests));
    await connection.done;
    // The answer to a ping tells that what was sent before has been taken.
    connection.send(Buffer.concat([...cancellations, raw.ping()]));
    await connection.ponged;
  } catch (error) {
    const left = [...waiting].slice(0, 3).map((id) => describe(calls[(id - 1) / 2]!));
    throw new Error(`${(error as Error).message}; waiting for ${waiting.size} calls, as ${left.join(" | ")}`);
  } finally {
    connection.close();
  }
}

function* framesOf(id: number, { fields, body, halfCloses }: GrpcCall): Generator<Uint8Array> {
  const endsHere = body.length === 0 && halfCloses;
  yield raw.headers(id, fields, 4 | (endsHere ? END_STREAM : 0));
  for (let at = 0; at < body.length; at += MAX_FRAME) {
    const piece = body.subarray(at, at + MAX_FRAME);
    yield raw.data(id, piece, halfCloses && at + MAX_FRAME >= body.length);
  }
}

export function describe({ method, fields, body }: GrpcCall): string {
  const odd = fields.slice(6).map(([name, value]) => `${name}: ${value.slice(0, 40)}`);
  return `${method.path} {${odd.join(", ")}} ${body.subarray(0, 200).toString("hex")} (${body.length} octets)`;
}

class Ends {
  readonly opened: Promise<void>;
  readonly done: Promise<void>;
  readonly ponged: Promise<void>;
  readonly #socket: net.Socket;
  readonly #waiting: Set<number>;
  readonly #isDone = Promise.withResolvers<void>();
  readonly #isPonged = Promise.withResolvers<void>();
  #rest: Buffer = Buffer.alloc(0);

  constructor(port: number, waiting: Set<number>) {
    this.#waiting = waiting;
    this.done = this.#isDone.promise;
    this.ponged = this.#isPonged.promise;
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket = socket;
    const opened = Promise.withResolvers<void>();
    this.opened = opened.promise;
    const timer = setTimeout(
      () => fail(new Error(`calls did not end within ${END_WITHIN_MS} ms`)),
      END_WITHIN_MS,
    );
    const fail = (error: Error): void => {
      clearTimeout(timer);
      opened.reject(error);
      this.#isDone.reject(error);
      this.#isPonged.reject(error);
    };
    for (const promise of [this.opened, this.done, this.ponged]) promise.catch(() => {});
    socket.on("connect", () => opened.resolve());
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("the server closed the connection")));
    socket.on("data", (chunk: Buffer) => this.#take(chunk, fail));
    if (waiting.size === 0) this.#isDone.resolve();
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer, fail: (error: Error) => void): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (; at + 9 <= bytes.length; ) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const type = bytes[at + 3]!;
      const flags = bytes[at + 4]!;
      const id = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
      if ((type <= TYPE.HEADERS && (flags & END_STREAM) !== 0) || type === TYPE.RST) this.#ended(id);
      else if (type === TYPE.SETTINGS && (flags & 1) === 0) this.send(Buffer.from(SETTINGS_ACK));
      else if (type === TYPE.PING && (flags & 1) !== 0) this.#isPonged.resolve();
      else if (type === TYPE.GOAWAY) {
        const code = bytes.readUInt32BE(at + 13);
        if (code !== 0) fail(new Error(`GOAWAY ${code}: ${bytes.toString("latin1", at + 17, end)}`));
      }
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }

  #ended(id: number): void {
    if (this.#waiting.delete(id) && this.#waiting.size === 0) this.#isDone.resolve();
  }
}
