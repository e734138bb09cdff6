/** Data directories that a program must refuse, and that the other one must still be able to use afterwards. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { renameSync } from "node:fs";
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
  await using server = await Server.start({ command: program.command, dataDir });
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
  return execFileSync(tools.etcdctl, ["--endpoints", server.endpoint, ...args], { encoding: "utf8" });
}

export function refusedDirectories(): void {
  test("data under authentication is not handed to everybody, and etcd can go on with it", {
    skip,
  }, async () => {
    const dataDir = path.join(temporaryDir("auth"), "data");
    await running(ETCD, dataDir, async (server) => {
      await put(server, "secret");
      etcdctl(server, "user", "add", "root:pw");
      etcdctl(server, "user", "grant-role", "root", "root");
      etcdctl(server, "auth", "enable");
    });
    await assert.rejects(Server.start({ command: QUORATE.command, dataDir }), /authentication is enabled/);
    const database = path.join(dataDir, "member/snap/db");
    renameSync(`${database}.bbolt`, database);
    const found = await running(ETCD, dataDir, async (server) =>
      etcdctl(server, "--user", "root:pw", "get", "kept", "--print-value-only"),
    );
    assert.equal(found, "secret\n");
  });

  test("etcd refuses our database and leaves it as it is", { skip }, async () => {
    const dataDir = path.join(temporaryDir("ours"), "data");
    await running(QUORATE, dataDir, (server) => put(server, "still here"));
    await assert.rejects(Server.start({ command: ETCD.command, dataDir }), /invalid database|ended with/);
    assert.equal(await running(QUORATE, dataDir, kept), "still here");
  });
}
