/** The kinds of inputs, and how a batch of each is sent. */
import http from "node:http";
import { SeededRandom } from "@quorate/testkit/random";
import { anyScript, converse } from "./conversation.ts";
import { callAll } from "./grpc-connection.ts";
import { GrpcCalls } from "./inputs/grpc-calls.ts";
import { anyHttp1Request } from "./inputs/http1-requests.ts";
import { flood, greeting, Http2Frames } from "./inputs/http2-frames.ts";
import { anyBody } from "./inputs/json-text.ts";
import { anyRoutedMethod, endsByItself } from "./inputs/methods.ts";
import { mutated } from "./inputs/mutations.ts";
import { websocketConversation } from "./inputs/websocket-frames.ts";

export interface Kind {
  readonly name: string;
  /** Inputs of a batch. */
  readonly batchSize: number;
  /** Its share of all inputs; the shares need not add up to anything. */
  readonly share: number;
  /** Sends one batch; rejects when something was not answered as it has to be. */
  readonly send: (random: SeededRandom, port: number) => Promise<void>;
}

const CONNECTIONS = 64;

/** What each connection of a batch does, one after another; `inputs` in each conversation. */
const PLANS = {
  grpc: { conversations: 10, inputs: 10 },
  http2: { conversations: 8, inputs: 20 },
  http1: { conversations: 5, inputs: 5 },
  websocket: { conversations: 3, inputs: 20 },
  json: { conversations: 25, inputs: 1 },
};

export const KINDS: readonly Kind[] = [
  { name: "grpc", batchSize: sizeOf(PLANS.grpc), share: 6, send: sendCalls },
  { name: "http2", batchSize: sizeOf(PLANS.http2), share: 8, send: sendFrames },
  { name: "http1", batchSize: sizeOf(PLANS.http1), share: 1, send: sendRequests },
  { name: "websocket", batchSize: sizeOf(PLANS.websocket), share: 5, send: sendWebsockets },
  { name: "json", batchSize: sizeOf(PLANS.json), share: 0.5, send: sendJson },
];

function sizeOf({ conversations, inputs }: { conversations: number; inputs: number }): number {
  return CONNECTIONS * conversations * inputs;
}

async function sendCalls(random: SeededRandom, port: number): Promise<void> {
  await inParallel(random, async (own) => {
    const calls = new GrpcCalls(own);
    for (let i = 0; i < PLANS.grpc.conversations; i++) {
      const some = Array.from({ length: PLANS.grpc.inputs }, () => calls.next());
      await callAll(port, some);
    }
  });
}

async function sendFrames(random: SeededRandom, port: number): Promise<void> {
  await inParallel(random, async (own) => {
    for (let i = 0; i < PLANS.http2.conversations; i++) {
      const frames = new Http2Frames(own);
      const parts = [greeting(own)];
      if (own.chance(0.01)) parts.push(flood(own));
      for (let n = 0; n < PLANS.http2.inputs; n++) parts.push(frames.next());
      await talk(own, port, Buffer.concat(parts));
    }
  });
}

async function sendRequests(random: SeededRandom, port: number): Promise<void> {
  await inParallel(random, async (own) => {
    for (let i = 0; i < PLANS.http1.conversations; i++) {
      const parts: Buffer[] = [];
      for (let n = 0; n < PLANS.http1.inputs; n++) parts.push(anyHttp1Request(own, parts));
      await talk(own, port, Buffer.concat(parts));
    }
  });
}

async function sendWebsockets(random: SeededRandom, port: number): Promise<void> {
  await inParallel(random, async (own) => {
    const { conversations, inputs } = PLANS.websocket;
    for (let i = 0; i < conversations; i++) await talk(own, port, websocketConversation(own, inputs));
  });
}

/**
 * A change of the members that raft drops is waited for as long as its caller likes, and so is a lock that somebody else has, or an
 * office; requests behind it wait, too.
 */
const MAY_WAIT = /\/cluster\/member\/|\/lock\/lock|\/election\/campaign/;

async function talk(random: SeededRandom, port: number, bytes: Buffer): Promise<void> {
  const script = anyScript(random, bytes);
  const { stayedOpen, answer } = await converse(port, script);
  if (!stayedOpen || MAY_WAIT.test(bytes.toString("latin1"))) return;
  const lengths = script.chunks.map((chunk) => chunk.length).join(", ");
  throw new Error(
    `a connection that the client has ended stays open: ${bytes.subarray(0, 2000).toString("latin1")}\n` +
      `in chunks of ${lengths} octets, ${script.gapMs} ms apart; answered: ${answer.subarray(0, 1000).toString("latin1")}`,
  );
}

async function sendJson(random: SeededRandom, port: number): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  try {
    await inParallel(random, async (own) => {
      let before: Buffer[] = [];
      for (let i = 0; i < PLANS.json.conversations; i++) {
        const method = anyRoutedMethod(own);
        let body = anyBody(own, method.request);
        if (own.chance(0.2)) body = mutated(own, body, before);
        before = [body, ...before.slice(0, 8)];
        const path = own.pick(method.httpPaths);
        await post(agent, port, path, body, !endsByItself(method));
      }
    });
  } finally {
    agent.destroy();
  }
}

/** Resolves with the answer's end; that of a stream is not waited for. */
function post(agent: http.Agent, port: number, path: string, body: Buffer, mayStay: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.request({ agent, port, host: "127.0.0.1", method: "POST", path });
    const limitMs = mayStay ? 10 : 30_000;
    const timer = setTimeout(() => {
      request.destroy();
      if (mayStay) resolve();
      else reject(new Error(`${path} was not answered: ${body.subarray(0, 1000)}`));
    }, limitMs);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      if (mayStay) resolve();
      else reject(new Error(`${path}: ${error.message}: ${body.subarray(0, 1000)}`));
    };
    request.on("error", failed);
    request.on("response", (response) => {
      response.on("error", failed);
      response.on("data", () => {});
      response.on("end", () => {
        clearTimeout(timer);
        resolve();
      });
    });
    request.end(body);
  });
}

async function inParallel(random: SeededRandom, work: (own: SeededRandom) => Promise<void>): Promise<void> {
  const seeds = Array.from({ length: CONNECTIONS }, () => random.next());
  const outcomes = await Promise.allSettled(seeds.map((seed) => work(new SeededRandom(seed))));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}
