/** Looks into a running Node.js process: collects its garbage, counts what it holds, and records where its time goes. */
import { setTimeout as pause } from "node:timers/promises";

const OPEN_MS = 10_000;
const ANSWER_MS = 120_000;

interface Reply {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const reply = JSON.parse(String(data)) as Reply;
      if (reply.id === undefined) return;
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
  }

  /** The process has been started with `--inspect-port` and this port. */
  static async open(pid: number, port: number): Promise<Inspector> {
    process.kill(pid, "SIGUSR1");
    const giveUpAt = performance.now() + OPEN_MS;
    for (;;) {
      try {
        const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
          webSocketDebuggerUrl: string;
        }[];
        const socket = new WebSocket(targets[0]!.webSocketDebuggerUrl);
        await new Promise((resolve, reject) => {
          socket.addEventListener("open", resolve);
          socket.addEventListener("error", () => reject(new Error("the inspector refuses")));
        });
        return new Inspector(socket);
      } catch (error) {
        if (performance.now() > giveUpAt) throw error;
        await pause(50);
      }
    }
  }

  /** One command of the inspector's protocol. */
  send(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), ANSWER_MS).unref();
      this.#waiting.set(id, ({ result, error }) => {
        clearTimeout(timer);
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error.message}`));
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  /** The value of an expression in the process. */
  async evaluate<Result>(expression: string): Promise<Result> {
    const answer = (await this.send("Runtime.evaluate", { expression, returnByValue: true })) as {
      readonly result: { readonly value: Result };
      readonly exceptionDetails?: object;
    };
    if (answer.exceptionDetails !== undefined) throw new Error(JSON.stringify(answer.exceptionDetails));
    return answer.result.value;
  }

  /** How many objects with a prototype live; `expression` is the prototype. */
  async count(expression: string): Promise<number> {
    interface ById {
      readonly objectId: string;
    }
    const group = { objectGroup: "count" };
    const prototype = (await this.send("Runtime.evaluate", { expression, ...group })) as { result: ById };
    const prototypeObjectId = prototype.result.objectId;
    const { objects } = (await this.send("Runtime.queryObjects", { prototypeObjectId, ...group })) as {
      objects: ById;
    };
    const counted = (await this.send("Runtime.callFunctionOn", {
      objectId: objects.objectId,
      functionDeclaration: "function () { return this.length; }",
    })) as { result: { value: number } };
    await this.send("Runtime.releaseObjectGroup", group);
    return counted.result.value;
  }

  close(): void {
    this.#socket.close();
  }
}
