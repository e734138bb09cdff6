import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { GrpcClient } from "@quorate/rpc/client";
import { until } from "@quorate/testkit/wait";
import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig } from "../config/server-config.ts";
import { type Logger, silentLogger } from "../log/logger.ts";
import { Member } from "./member.ts";

/** Of an audit log. */
export type Line = Record<string, unknown> & { readonly method: string };

/**
 * What begins a member with these flags, in which FILE stands for the path of the audit log and DIR for a directory of its
 * own; and what reads that log. Everything is removed when the test ends.
 */
export async function start(t: TestContext, args: readonly string[], logger: Logger = silentLogger) {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-audit-log-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = path.join(directory, "audit.log");
  const write = (name: string, content: string) => {
    writeFileSync(path.join(directory, name), content);
    return path.join(directory, name);
  };
  const flags = [
    `--data-dir=${path.join(directory, "data")}`,
    "--listen-peer-urls=http://127.0.0.1:0",
    "--advertise-client-urls=http://127.0.0.1:1",
    "--bcrypt-cost=4",
    "--audit-log-flush-interval=10ms",
    ...args.map((arg) => arg.replace("FILE", file).replace("DIR", directory)),
  ];
  const begin = (...more: string[]) =>
    Member.start(makeServerConfig(parseFlags([...flags, ...more], {})), { logger });
  const text = () => readFileSync(file, "utf8");
  const lines = (): Line[] =>
    text()
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  /** Of a method, when there are so many. */
  const linesOf = async (method: string, count: number) => {
    const found = () => lines().filter((line) => line.method === `/etcdserverpb.${method}`);
    await until(() => found().length >= count);
    assert.equal(found().length, count);
    return found();
  };
  return { begin, directory, write, lines, linesOf, text };
}

export const connectTo = (member: Member) =>
  GrpcClient.connect({ address: new URL(member.clientUrls[0]!).host });
