import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { freePorts } from "@quorate/testkit/ports";
import type { Logger } from "../log/logger.ts";
import { Member } from "./member.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-early-peers-test-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** Calls `run` when the log says `message` for the first time. */
function when(message: string, run: () => void): Logger {
  let isDone = false;
  const note = (line: string) => {
    if (line !== message || isDone) return;
    isDone = true;
    run();
  };
  const log: Logger = { debug: note, info: note, warn: note, error: note, fatal: note, for: () => log };
  return log;
}

/** The status with which a member answers who its members are; undefined when it does not. */
function askMembers(peerUrl: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = http.get(`${peerUrl}/members`, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on("error", () => resolve(undefined));
  });
}

test("what other members ask a restarting one before it has read its store is answered afterwards", async () => {
  const [port] = await freePorts(1);
  const peerUrl = `http://127.0.0.1:${port}`;
  const options = { dataDir: path.join(root, "restart"), listenPeerUrls: [peerUrl] };
  const asked: Promise<number | undefined>[] = [];
  const ask = () => void asked.push(askMembers(peerUrl));
  {
    // A member that begins closes what comes early: those that begin with it must not wait for it.
    await using _first = await Member.start(options, { logger: when("bootstrapping a new member", ask) });
  }
  await using _again = await Member.start(options, { logger: when("restarting a member", ask) });
  assert.deepEqual(await Promise.all(asked), [undefined, 200]);
});

test("a port for members that is in use is refused before any data is touched", async () => {
  await using member = await Member.start({ dataDir: path.join(root, "holder") });
  const dataDir = path.join(root, "late");
  await assert.rejects(
    Member.start({ dataDir, listenPeerUrls: [...member.peerUrls] }),
    /cannot listen on http:\/\/127\.0\.0\.1:\d+: the address is already in use/,
  );
  assert.equal(existsSync(dataDir), false);
});

test("a start that fails leaves the port free and ends the connections that wait", async () => {
  const [port] = await freePorts(1);
  const peerUrl = `http://127.0.0.1:${port}`;
  const options = { dataDir: path.join(root, "fails"), listenPeerUrls: [peerUrl] };
  {
    await using _member = await Member.start(options);
  }
  let asked: Promise<number | undefined> | undefined;
  const logger = when("restored the key space", () => {
    asked = askMembers(peerUrl);
    throw new Error("the log is full");
  });
  await assert.rejects(Member.start(options, { logger }), /the log is full/);
  assert.equal(await asked, undefined);
  await using again = await Member.start(options);
  assert.deepEqual(again.peerUrls, [peerUrl]);
});
