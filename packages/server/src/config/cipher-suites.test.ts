import assert from "node:assert/strict";
import test from "node:test";
import { cipherList } from "./cipher-suites.ts";
import { ConfigError } from "./errors.ts";
import { parseFlags } from "./parse-flags.ts";
import { makeServerConfig } from "./server-config.ts";

const configOf = (args: readonly string[]) => makeServerConfig(parseFlags(args, {}));
const SECURE = [
  "--listen-client-urls=https://127.0.0.1:1",
  "--advertise-client-urls=https://h:1",
  "--cert-file=c",
  "--key-file=k",
];

const refused: readonly (readonly [args: readonly string[], text: string])[] = [
  [["--cipher-suites=TLS_NULL"], 'unexpected TLS cipher suite "TLS_NULL"'],
  [
    ["--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "--tls-min-version=TLS1.3"],
    "cipher suites cannot be configured when only TLS1.3 is enabled",
  ],
  [
    [...SECURE, "--cipher-suites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
    "--cipher-suites must have TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: HTTP/2 needs it",
  ],
];
for (const [args, text] of refused) {
  test(`${args.join(" ")} is refused with one clear line`, () => {
    assert.throws(
      () => configOf(args),
      (error) => error instanceof ConfigError && error.message === text,
    );
  });
}

test("suites hold for clients and peers, and also where certificates are generated", () => {
  const suites = "--cipher-suites=TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
  const { clientTls, peerTls } = configOf([
    ...SECURE,
    "--peer-auto-tls",
    "--listen-peer-urls=https://127.0.0.1:2",
    suites,
  ]);
  const want =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:" +
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305";
  assert.deepEqual([clientTls?.ciphers, peerTls?.ciphers], [want, want]);
  assert.equal(configOf(SECURE).clientTls?.ciphers, undefined);
});

test("a suite has one place, whatever it is called and however often", () => {
  const names = ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"];
  assert.match(cipherList([...names, ...names])!, /:ECDHE-RSA-CHACHA20-POLY1305$/);
});

test("where HTTP has URLs of its own, those for gRPC alone want no suite of HTTP's", () => {
  const suite = "--cipher-suites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
  const plain = configOf([...SECURE, suite, "--listen-client-http-urls=http://127.0.0.1:2"]);
  assert.match(plain.clientTls!.ciphers!, /:ECDHE-RSA-AES256-GCM-SHA384$/);
  const secure = [...SECURE, suite, "--listen-client-http-urls=https://127.0.0.1:2"];
  assert.throws(() => configOf(secure), ConfigError);
});
