import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import test from "node:test";
import { makeSelfSigned } from "./self-signed.ts";

const FROM = new Date("2026-01-02T03:04:05Z");
const TO = new Date("2027-01-02T03:04:05Z");

test("the certificate is a P-521 one of the organization etcd, signed by itself", async () => {
  const { cert, key } = await makeSelfSigned(["127.0.0.1", "::1", "localhost"], FROM, TO);
  const certificate = new X509Certificate(cert);
  assert.equal(certificate.subject, "O=etcd");
  assert.equal(certificate.issuer, "O=etcd");
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, "secp521r1");
  assert.equal(certificate.signatureAlgorithm, "ecdsa-with-SHA512");
  assert.ok(certificate.verify(certificate.publicKey));
  assert.deepEqual([certificate.validFromDate, certificate.validToDate], [FROM, TO]);
  assert.ok(certificate.checkPrivateKey(createPrivateKey(key)));
  assert.match(key, /^-----BEGIN EC PRIVATE KEY-----\n/);
});

test("it is for the hosts, for servers, and allows to sign revocation lists", async () => {
  const certificate = new X509Certificate(
    (await makeSelfSigned(["127.0.0.1", "::1", "localhost"], FROM, TO)).cert,
  );
  assert.equal(certificate.subjectAltName, "IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:localhost");
  assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  const hex = certificate.raw.toString("hex");
  const keyUsage = "0603551d0f0101ff0404030201a2";
  const basicConstraints = "0603551d130101ff040530030101ff";
  assert.ok(hex.includes(keyUsage), "digitalSignature, keyEncipherment and cRLSign, critical");
  assert.ok(hex.includes(basicConstraints), "a CA, critical");
  assert.ok(hex.includes("0603551d0e"), "a subject key identifier");
});

test("without hosts it names nobody", async () => {
  const certificate = new X509Certificate((await makeSelfSigned([], FROM, TO)).cert);
  assert.equal(certificate.subjectAltName, undefined);
});

test("a validity beyond 2049 is written in the other form of a time", async () => {
  const end = new Date("2318-09-14T00:00:00Z");
  assert.deepEqual(new X509Certificate((await makeSelfSigned([], FROM, end)).cert).validToDate, end);
});

test("no two have the same key or serial number", async () => {
  const [a, b] = await Promise.all([makeSelfSigned([], FROM, TO), makeSelfSigned([], FROM, TO)]);
  assert.notEqual(a.key, b.key);
  assert.notEqual(new X509Certificate(a.cert).serialNumber, new X509Certificate(b.cert).serialNumber);
});
