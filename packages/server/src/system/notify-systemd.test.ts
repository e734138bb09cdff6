import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { notifySystemd } from "./notify-systemd.ts";
import { receiveUnixDatagrams } from "./receive-datagrams.testing.ts";

const skip = process.platform !== "linux" && "unix datagrams are of Linux";

test("whoever started the process is told once that it is ready", { skip }, () => {
  const dir = mkdtempSync(path.join(tmpdir(), "quorate-notify-"));
  try {
    using socket = receiveUnixDatagrams(path.join(dir, "notify"));
    notifySystemd("READY=1", socket.path);
    assert.equal(socket.receive(), "READY=1");
    assert.equal(socket.receive(), undefined);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

for (const where of [undefined, "", "/no/such/socket", `/${"x".repeat(200)}`]) {
  test(`nothing happens when the socket is ${where?.slice(0, 20) ?? "not given"}`, () => {
    assert.doesNotThrow(() => notifySystemd("READY=1", where));
  });
}
