import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { until } from "@quorate/testkit/wait";
import { NO_TLS_SETTINGS } from "../config/tls-settings.ts";
import { type LogFields, type Logger, silentLogger } from "../log/logger.ts";
import { Certificates } from "./certificates.ts";
import { CertificateExpiry } from "./expiry.ts";
import { makeCertificate, type TestCertificate, writeTls } from "./testing.ts";

const DAY_MS = 24 * 3_600_000;
const START_MS = Date.parse("2026-01-01T00:00:00Z");
const ca = makeCertificate({ commonName: "ca", isCa: true });
/** Ends 100 days after the start, and has lived for years. */
const server = makeCertificate({ commonName: "server", issuer: ca, until: "20260411000000Z" });
const END_MS = Date.parse("2026-04-11T00:00:00Z");

interface Line {
  readonly message: string;
  readonly fields: LogFields;
}

/** The expiry of a client port with this certificate, and what was logged of it. */
function open(t: TestContext, own: TestCertificate) {
  const clock = ManualClock.withRealTurns(START_MS);
  const lines: Line[] = [];
  const log: Logger = Object.create(silentLogger);
  log.for = () => log;
  log.warn = (message, fields = {}) => lines.push({ message, fields });
  const { directory, settings } = writeTls(t, own, ca, { clientCertFile: "", clientKeyFile: "" });
  const expiry = new CertificateExpiry([new Certificates(settings, "client", clock, log)], clock, log);
  t.after(() => expiry.close());
  const messages = () => lines.map(({ message }) => message);
  const replace = ({ certPem, keyPem }: TestCertificate) => {
    writeFileSync(path.join(directory, "cert.pem"), certPem);
    writeFileSync(path.join(directory, "key.pem"), keyPem);
  };
  return { clock, expiry, lines, messages, replace };
}

test("a certificate that ends soon is told of once, and once when it has ended", async (t) => {
  const { clock, expiry, lines, messages } = open(t, server);
  clock.advance(END_MS - START_MS - 31 * DAY_MS);
  await expiry.look();
  assert.equal(lines.length, 0);
  clock.advance(2 * DAY_MS);
  for (let i = 0; i < 3; i++) await expiry.look();
  assert.deepEqual(messages(), ["a certificate expires soon"]);
  assert.deepEqual(lines[0]!.fields, {
    flag: "cert-file",
    serial: server.serial,
    subject: "CN=server",
    "not-after": "2026-04-11T00:00:00.000Z",
  });
  clock.advance(29 * DAY_MS);
  for (let i = 0; i < 3; i++) await expiry.look();
  assert.deepEqual(messages(), ["a certificate expires soon", "a certificate has expired"]);
});

test("of a certificate that is replaced nothing is told any more, and of its successor in its time", async (t) => {
  const { clock, expiry, messages, replace } = open(t, server);
  clock.advance(END_MS - START_MS - DAY_MS);
  await expiry.look();
  assert.equal(messages().length, 1);
  const next = makeCertificate({ commonName: "server", issuer: ca, until: "20261231000000Z" });
  replace(next);
  clock.advance(2 * DAY_MS);
  await expiry.look();
  assert.equal(messages().length, 1);
  assert.deepEqual(
    expiry.expiries().map(({ flag, serial }) => [flag, serial]),
    [
      ["cert-file", next.serial],
      ["trusted-ca-file", ca.serial],
    ],
  );
  assert.equal(expiry.expiries()[0]!.seconds, (Date.parse("2026-12-31") - clock.wallMs()) / 1_000);
});

test("certificates are looked at every minute, also when nobody connects", async (t) => {
  const { clock, expiry, messages } = open(t, server);
  expiry.watch();
  await until(() => clock.timerCount === 1);
  clock.advance(END_MS - START_MS - 60_000);
  await until(() => messages().length === 1 && clock.timerCount === 1);
  clock.advance(60_000);
  await until(() => messages().length === 2);
  expiry.close();
});

test("a member without certificates looks at nothing", () => {
  const clock = ManualClock.withRealTurns(START_MS);
  const expiry = new CertificateExpiry([], clock, silentLogger);
  expiry.watch();
  assert.deepEqual([clock.timerCount, expiry.expiries()], [0, []]);
  const bare = new Certificates(NO_TLS_SETTINGS, "client", clock, silentLogger);
  return bare.current().then((loaded) => assert.deepEqual(loaded, []));
});
