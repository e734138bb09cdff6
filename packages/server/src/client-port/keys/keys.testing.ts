import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { until } from "@quorate/testkit/wait";
import { parseFlags } from "../../config/parse-flags.ts";
import { makeServerConfig } from "../../config/server-config.ts";
import { Member } from "../../member/member.ts";

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export interface Options {
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
}

/** A member of its own, which ends with the test, and requests to it; each target is sent as it is. */
export async function startKeys(t: TestContext, ...flags: string[]) {
  const folder = mkdtempSync(path.join(tmpdir(), "quorate-keys-"));
  const member = await Member.start(
    makeServerConfig(
      parseFlags(
        [
          `--data-dir=${path.join(folder, "data")}`,
          "--listen-peer-urls=http://127.0.0.1:0",
          "--listen-client-urls=http://127.0.0.1:0",
          "--advertise-client-urls=http://127.0.0.1:0",
          "--log-level=panic",
          ...flags,
        ],
        {},
      ),
    ),
  );
  t.after(async () => {
    await member[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  const { hostname, port } = new URL(member.clientUrls[0]!);
  const open = (method: string, target: string, headers: http.OutgoingHttpHeaders = {}) =>
    http.request({ hostname, port, method, path: target, headers, agent: false });
  const ask = (method: string, target: string, { headers, body }: Options = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const request = open(method, target, headers);
      request.on("error", reject);
      request.on("response", (response) => {
        response.toArray().then((chunks: Buffer[]) => {
          const octets = Buffer.concat(chunks);
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            body: octets,
            text: octets.toString(),
          });
        }, reject);
      });
      request.end(body);
    });
  /** A method of the gateway. */
  const call = async (route: string, message: object, headers: http.OutgoingHttpHeaders = {}) => {
    const answer = await ask("POST", `/v3/${route}`, { body: JSON.stringify(message), headers });
    if (answer.status !== 200) throw new Error(`${route}: ${answer.text}`);
    return JSON.parse(answer.text);
  };
  return { member, folder, open, ask, call };
}

export type Keys = Awaited<ReturnType<typeof startKeys>>;

export interface SentEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
}

/** The events of a stream as they come; blocks of comments alone are left out. */
export function readEvents(
  t: TestContext,
  keys: Keys,
  target: string,
  headers: http.OutgoingHttpHeaders = {},
) {
  const request = keys.open("GET", target, headers);
  const events: SentEvent[] = [];
  const state = { text: "", hasEnded: false, status: 0 };
  request.on("error", () => {});
  request.on("response", (response) => {
    state.status = response.statusCode!;
    let rest = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      state.text += chunk;
      const blocks = (rest + chunk).split("\n\n");
      rest = blocks.pop()!;
      for (const block of blocks) {
        const fields = block
          .split("\n")
          .filter((line) => !line.startsWith(":"))
          .map((line) => line.split(/: (.*)/s, 2));
        if (fields.length > 0) events.push(Object.fromEntries(fields));
      }
    });
    response.on("error", () => {});
    response.on("close", () => {
      state.hasEnded = true;
    });
  });
  request.end();
  const close = () => request.destroy();
  t.after(close);
  return {
    events,
    state,
    close,
    /** Waits until so many events have come, or the stream has ended. */
    has: (count: number) => until(() => events.length >= count || state.hasEnded),
    started: () => until(() => state.text.includes(": watching") || state.hasEnded),
    ended: () => until(() => state.hasEnded),
  };
}
