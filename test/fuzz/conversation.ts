/** One TCP connection on which things are said, without regard for what is answered. */
import net from "node:net";
import type { SeededRandom } from "@quorate/testkit/random";

/** How the client leaves, once it has said everything. */
export type Ending = "half-close" | "destroy" | "reset";

export interface Script {
  readonly chunks: readonly Buffer[];
  /** Between two chunks, in milliseconds; 0: one turn of the loop. */
  readonly gapMs: number;
  readonly ending: Ending;
  /** Nothing is read before everything has been said. */
  readonly isDeaf: boolean;
}

export interface Outcome {
  /** The beginning of what was answered. */
  readonly answer: Buffer;
  /** The server had not closed the connection in time after a half-close. */
  readonly stayedOpen: boolean;
}

const KEPT_BYTES = 16_384;
/** After a half-close; a server under load takes a while. */
const CLOSE_WITHIN_MS = 15_000;

/** A script that says `bytes` in pieces of any length. */
export function anyScript(random: SeededRandom, bytes: Buffer): Script {
  const chunks: Buffer[] = [];
  let at = 0;
  if (random.chance(0.3)) {
    for (let cuts = random.between(1, 5); cuts > 0 && at < bytes.length; cuts--) {
      const end = at + random.between(1, random.chance(0.5) ? 12 : bytes.length);
      chunks.push(bytes.subarray(at, end));
      at = Math.min(end, bytes.length);
    }
  }
  chunks.push(bytes.subarray(at));
  return {
    chunks,
    gapMs: random.chance(0.05) ? random.below(15) : 0,
    ending: random.weighted([
      [6, "half-close"],
      [3, "destroy"],
      [1, "reset"],
    ] as const),
    isDeaf: random.chance(0.1),
  };
}

/** Resolves when the connection is closed, whoever did it. */
export function converse(port: number, script: Script): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    const answer: Buffer[] = [];
    let kept = 0;
    let stayedOpen = false;
    let timer: NodeJS.Timeout | undefined;
    if (script.isDeaf) socket.pause();
    socket.on("data", (chunk: Buffer) => {
      if (kept < KEPT_BYTES) answer.push(chunk.subarray(0, KEPT_BYTES - kept));
      kept += chunk.length;
    });
    // A connection that the server resets is an answer too.
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.on("close", () => {
      clearTimeout(timer);
      resolve({ answer: Buffer.concat(answer), stayedOpen });
    });
    const leave = (): void => {
      socket.resume();
      if (script.ending === "half-close") {
        socket.end();
        timer = setTimeout(() => {
          stayedOpen = true;
          socket.destroy();
        }, CLOSE_WITHIN_MS);
      } else if (script.ending === "reset") socket.resetAndDestroy();
      else socket.destroy();
    };
    const say = (index: number): void => {
      if (socket.destroyed) return;
      const chunk = script.chunks[index];
      if (chunk === undefined || socket.writableEnded) {
        // What is answered at once is waited for, mostly.
        timer = setTimeout(leave, script.ending === "reset" ? 0 : 1);
        return;
      }
      socket.write(chunk, () => {
        if (script.gapMs > 0) timer = setTimeout(say, script.gapMs, index + 1);
        else setImmediate(say, index + 1);
      });
    };
    socket.on("connect", () => say(0));
  });
}
