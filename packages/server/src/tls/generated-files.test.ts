import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import type { Clock } from "@quorate/storage/seams/clock";
import { realClock } from "@quorate/storage/seams/real-clock";
import { ConfigError } from "../config/errors.ts";
import { NO_TLS_SETTINGS, type TlsSettings } from "../config/tls-settings.ts";
import type { Logger } from "../log/logger.ts";
import { makeMissingPairs } from "./generated-files.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-generated-files-"));
after(() => rmSync(root, { recursive: true, force: true }));

const NOW_MS = Date.parse("2026-05-06T07:08:09.500Z");
const clockAt = (wallMs: number): Clock => ({ ...realClock, wallMs: () => wallMs });

function settings(): TlsSettings {
  const directory = path.join(mkdtempSync(path.join(root, "member-")), "fixtures", "client");
  return {
    ...NO_TLS_SETTINGS,
    certFile: path.join(directory, "cert.pem"),
    keyFile: path.join(directory, "key.pem"),
    generated: { hosts: ["127.0.0.1"], validityYears: 2 },
  };
}

/** Starts with these settings once; returns what was logged. */
async function start(clientTls: TlsSettings, nowMs = NOW_MS): Promise<string[]> {
  const lines: string[] = [];
  const note = (message: string, fields?: object) => lines.push(`${message} ${JSON.stringify(fields)}`);
  const log = { info: note, warn: note, for: () => log } as unknown as Logger;
  await makeMissingPairs({ clientTls, peerTls: undefined }, clockAt(nowMs), log);
  return lines;
}

const contents = ({ certFile, keyFile }: TlsSettings) =>
  [certFile, keyFile].map((file) => readFileSync(file, "utf8"));

test("the first start makes the pair, for as many years of 365 days as wanted, and says so", async () => {
  const tls = settings();
  assert.deepEqual(await start(tls), [
    'automatically generate certificates {"certificate-validity-bound-not-after":"2028-05-05T07:08:09.500Z"}',
    `created cert file ${JSON.stringify({ path: tls.certFile })}`,
    `created key file ${JSON.stringify({ path: tls.keyFile })}`,
  ]);
  const certificate = new X509Certificate(readFileSync(tls.certFile));
  assert.equal(certificate.validFromDate.toISOString(), "2026-05-06T07:08:09.000Z");
  assert.equal(certificate.validToDate.toISOString(), "2028-05-05T07:08:09.000Z");
  assert.equal(certificate.subjectAltName, "IP Address:127.0.0.1");
  assert.equal(statSync(tls.keyFile).mode & 0o777, 0o600);
  assert.equal(statSync(path.dirname(tls.keyFile)).mode & 0o777, 0o700);
});

test("the next start uses the same pair, also for other hosts", async () => {
  const tls = settings();
  await start(tls);
  const made = contents(tls);
  const moved = { ...tls, generated: { hosts: ["10.0.0.1"], validityYears: 1 } };
  assert.deepEqual(await start(moved), []);
  assert.deepEqual(contents(tls), made);
});

test("an expired certificate is used, and the operator told", async () => {
  const tls = settings();
  await start(tls);
  const made = contents(tls);
  assert.deepEqual(await start(tls, Date.parse("2030-01-01")), [
    `the generated certificate has expired; remove it to have a new one made ${JSON.stringify({
      path: tls.certFile,
      "not-after": "2028-05-05T07:08:09.000Z",
    })}`,
  ]);
  assert.deepEqual(contents(tls), made);
});

for (const lost of ["certFile", "keyFile"] as const) {
  test(`when only the ${lost} is lost both are made anew`, async () => {
    const tls = settings();
    await start(tls);
    const made = contents(tls);
    rmSync(tls[lost]);
    assert.equal((await start(tls)).length, 3);
    const [cert, key] = contents(tls);
    assert.notEqual(cert, made[0]);
    assert.notEqual(key, made[1]);
  });
}

test("nothing is made for a pair that the operator brings", async () => {
  const { generated: _, ...tls } = settings();
  assert.deepEqual(await start(tls), []);
  assert.throws(() => statSync(tls.certFile), { code: "ENOENT" });
});

const damaged = [
  { what: "an empty certificate", file: "certFile", damage: (file: string) => writeFileSync(file, "") },
  {
    what: "half a certificate",
    file: "certFile",
    damage: (file: string) => writeFileSync(file, readFileSync(file).subarray(0, 200)),
  },
  {
    what: "a directory in place of the certificate",
    file: "certFile",
    damage: (file: string) => {
      rmSync(file);
      mkdirSync(file);
    },
  },
  { what: "a key that is none", file: "keyFile", damage: (file: string) => writeFileSync(file, "no key") },
] as const;
for (const { what, file, damage } of damaged) {
  test(`${what} ends the start with one line that names the file`, async () => {
    const tls = settings();
    await start(tls);
    damage(tls[file]);
    await assert.rejects(
      start(tls),
      (error) =>
        error instanceof ConfigError && error.message.includes(tls[file]) && !error.message.includes("\n"),
    );
  });
}

test("a key of another certificate ends the start with one line that names both", async () => {
  const tls = settings();
  const other = settings();
  await start(tls);
  await start(other);
  writeFileSync(tls.keyFile, readFileSync(other.keyFile));
  await assert.rejects(start(tls), {
    name: "ConfigError",
    message: `the generated certificate ${tls.certFile} is not one for the key ${tls.keyFile}; remove both to have new ones made`,
  });
});

test("a place where nothing can be written is named", async () => {
  const tls = settings();
  const inTheWay = path.dirname(path.dirname(tls.certFile));
  writeFileSync(inTheWay, "");
  await assert.rejects(
    start(tls),
    (error) => error instanceof ConfigError && error.message.includes(tls.certFile),
  );
});
