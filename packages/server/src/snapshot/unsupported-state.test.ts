import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { LmdbBackend } from "@quorate/storage/backend/lmdb-backend";
import { realClock } from "@quorate/storage/seams/real-clock";
import { Member } from "../member/member.ts";

const dataDir = mkdtempSync(path.join(tmpdir(), "quorate-unsupported-test-"));
after(() => rmSync(dataDir, { recursive: true, force: true }));

async function setAuthEnabled(value: number): Promise<void> {
  const backend = await LmdbBackend.open({
    path: path.join(dataDir, "member/snap/db"),
    clock: realClock,
    onFatal: (error) => assert.fail(error),
  });
  backend.put("auth", Buffer.from("authEnabled"), Buffer.of(value));
  await backend.close();
}

test("data under authentication is not served, and is again when that is disabled", async () => {
  await (await Member.start({ dataDir })).close();
  await setAuthEnabled(1);
  await assert.rejects(Member.start({ dataDir }), /authentication is enabled in this data/);
  await setAuthEnabled(0);
  await (await Member.start({ dataDir })).close();
});
