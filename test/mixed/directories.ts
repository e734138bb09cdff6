/** Data directories of the other program, by turns. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { Etcd } from "@quorate/testkit/grpc";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { ETCD, type Program, QUORATE, tools, whyMissing } from "./programs.ts";

const skip = whyMissing("etcd") ?? false;

/** Runs a program on the directory until `work` is done. */
async function running<T>(
  program: Program,
  dataDir: string,
  work: (server: Server) => Promise<T>,
): Promise<T> {
  await using server = await Server.start({ command: program.command, dataDir, startTimeoutMs: 60_000 });
  const result = await work(server);
  await server.stop();
  return result;
}

async function put(server: Server, value: string): Promise<void> {
  const client = new Etcd(server.endpoint);
  await client.put({ key: "kept", value });
  client.close();
}

async function kept(server: Server): Promise<string | undefined> {
  const client = new Etcd(server.endpoint);
  const { kvs } = await client.range({ key: "kept" });
  client.close();
  return kvs[0]?.value.toString();
}

function etcdctl(server: Server, ...args: string[]): string {
  return execFileSync(tools.etcdctl, ["--endpoints", server.endpoint, ...args], {
    encoding: "utf8",
    stdio: "pipe",
  });
}

async function usersAreThere(server: Server): Promise<void> {
  const read = (...who: string[]) => etcdctl(server, ...who, "get", "kept", "--print-value-only");
  assert.equal(read("--user", "root:pw"), "secret\n");
  assert.throws(() => read(), /user name is empty/);
  assert.throws(() => read("--user", "u:pw"), /permission denied/);
  assert.throws(() => read("--user", "u:wrong"), /authentication failed/);
}

export function directories(): void {
  test("data under authentication is taken over with its users, and given back with them", {
    skip,
  }, async () => {
    const directory = temporaryDir("auth");
    const dataDir = path.join(directory, "data");
    await running(ETCD, dataDir, async (server) => {
      await put(server, "secret");
      etcdctl(server, "user", "add", "root:pw");
      etcdctl(server, "user", "grant-role", "root", "root");
      etcdctl(server, "user", "add", "u:pw");
      etcdctl(server, "auth", "enable");
    });
    const file = path.join(directory, "snapshot.db");
    await running(QUORATE, dataDir, async (server) => {
      await usersAreThere(server);
      etcdctl(server, "--user", "root:pw", "snapshot", "save", file);
    });
    const restored = path.join(directory, "restored");
    execFileSync(tools.etcdutl, ["snapshot", "restore", file, "--data-dir", restored], { stdio: "ignore" });
    await running(ETCD, restored, usersAreThere);
    await running(ETCD, dataDir, usersAreThere);
  });

  test("a directory that we have begun goes on with etcd, and comes back with what that has written", {
    skip,
  }, async () => {
    const dataDir = path.join(temporaryDir("ours"), "data");
    await running(QUORATE, dataDir, (server) => put(server, "ours"));
    assert.equal(await running(ETCD, dataDir, kept), "ours");
    await running(ETCD, dataDir, (server) => put(server, "etcd's"));
    assert.equal(await running(QUORATE, dataDir, kept), "etcd's");
  });
}
