import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { realClock } from "@quorate/storage/seams/real-clock";
import { NO_TLS_SETTINGS, type TlsSettings } from "../config/tls-settings.ts";
import { type Logger, silentLogger } from "../log/logger.ts";
import { Certificates } from "./certificates.ts";

/** Just enough of DER to make certificates and revocation lists for tests. */
const element = (tag: number, ...content: Uint8Array[]): Buffer => {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(body.length)]), body]);
};
/** As short as can be: Go takes no other. */
const lengthOf = (bytes: number): number[] => {
  if (bytes < 0x80) return [bytes];
  return bytes < 0x100 ? [0x81, bytes] : [0x82, bytes >> 8, bytes & 0xff];
};
const sequence = (...content: Uint8Array[]) => element(0x30, ...content);
const integer = (hex: string) => element(0x02, Buffer.from(hex, "hex"));
const oid = (...hex: string[]) => element(0x06, Buffer.from(hex.join(""), "hex"));
const boolean = (value: boolean) => element(0x01, Buffer.from([value ? 0xff : 0]));
const time = (text: string) => element(0x18, Buffer.from(text));
const octets = (content: Uint8Array) => element(0x04, content);
const bits = (content: Uint8Array) => element(0x03, Buffer.from([0]), content);

const ECDSA_WITH_SHA256 = sequence(oid("2a8648ce3d040302"));
const EXTENDED_USAGE = { serverAuth: oid("2b06010505070301"), clientAuth: oid("2b06010505070302") };
const FROM = time("20200101000000Z");
const TO = time("20991231235959Z");
const PAST = time("20200201000000Z");
const KEY_USAGE = { digitalSignature: [7, 0x80], keyEncipherment: [5, 0x20] };

const nameOf = (commonName: string) =>
  sequence(element(0x31, sequence(oid("550403"), element(0x0c, Buffer.from(commonName)))));

function signed(content: Buffer, key: KeyObject): Buffer {
  return sequence(content, ECDSA_WITH_SHA256, bits(sign("sha256", content, key)));
}

function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString("base64")
    .match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

export interface TestCertificate {
  readonly commonName: string;
  readonly serial: string;
  readonly key: KeyObject;
  readonly certPem: string;
  readonly keyPem: string;
}

export interface CertificateOptions {
  readonly commonName: string;
  /** Itself unless given. */
  readonly issuer?: TestCertificate;
  readonly isCa?: boolean;
  /** Host names and addresses. */
  readonly names?: readonly string[];
  readonly usage?: readonly ("serverAuth" | "clientAuth")[];
  readonly keyUsage?: "digitalSignature" | "keyEncipherment";
  /** How many issuers may be between this one and a leaf. */
  readonly pathLength?: number;
  readonly isExpired?: boolean;
  /** When it ends, as ASN.1 writes it: `20300131235959Z`. */
  readonly until?: string;
  /** Has an extension that must be understood. */
  readonly hasUnknownExtension?: boolean;
  /** An issuer for names in this domain only. */
  readonly onlyForDomain?: string;
  /** A new one unless given. */
  readonly key?: KeyObject;
}

let certificatesMade = 0;

export function makeCertificate(options: CertificateOptions): TestCertificate {
  const { commonName, isCa = false, issuer, keyUsage, names = [], pathLength, usage } = options;
  const privateKey = options.key ?? generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey;
  const publicKey = createPublicKey(privateKey);
  const serial = `4d${(++certificatesMade).toString(16).padStart(6, "0")}`;
  const extension = (id: string, content: Buffer) => sequence(oid(id), octets(content));
  const extensions = [sequence(oid("551d13"), boolean(true), octets(basicConstraints(isCa, pathLength)))];
  const critical = (id: string, content: Buffer) => sequence(oid(id), boolean(true), octets(content));
  if (names.length > 0) extensions.push(extension("551d11", sequence(...names.map(alternativeName))));
  if (usage !== undefined) {
    extensions.push(extension("551d25", sequence(...usage.map((each) => EXTENDED_USAGE[each]))));
  }
  if (keyUsage !== undefined) {
    extensions.push(critical("551d0f", element(0x03, Buffer.from(KEY_USAGE[keyUsage]))));
  }
  if (options.hasUnknownExtension) extensions.push(critical("2a0304", sequence()));
  if (options.onlyForDomain !== undefined) {
    const permitted = sequence(element(0x82, Buffer.from(options.onlyForDomain)));
    extensions.push(critical("551d1e", sequence(element(0xa0, permitted))));
  }
  const content = sequence(
    element(0xa0, integer("02")),
    integer(serial),
    ECDSA_WITH_SHA256,
    nameOf(issuer?.commonName ?? commonName),
    sequence(FROM, options.isExpired ? PAST : options.until === undefined ? TO : time(options.until)),
    nameOf(commonName),
    publicKey.export({ type: "spki", format: "der" }),
    element(0xa3, sequence(...extensions)),
  );
  return {
    commonName,
    serial,
    key: privateKey,
    certPem: pem("CERTIFICATE", signed(content, issuer?.key ?? privateKey)),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  };
}

function basicConstraints(isCa: boolean, pathLength: number | undefined): Buffer {
  if (!isCa) return sequence();
  return sequence(
    boolean(true),
    ...(pathLength === undefined ? [] : [integer(pathLength.toString(16).padStart(2, "0"))]),
  );
}

function alternativeName(name: string): Buffer {
  if (isIP(name) === 4) return element(0x87, Buffer.from(name.split(".").map(Number)));
  if (name === "::1") return element(0x87, Buffer.from([...new Array(15).fill(0), 1]));
  return element(0x82, Buffer.from(name));
}

/** In DER. */
export function makeRevocationList(issuer: TestCertificate, serials: readonly string[]): Buffer {
  const entries = serials.map((serial) => sequence(integer(serial), FROM));
  const list = sequence(
    integer("01"),
    ECDSA_WITH_SHA256,
    nameOf(issuer.commonName),
    FROM,
    TO,
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
  );
  return signed(list, issuer.key);
}

export interface TlsFiles {
  readonly directory: string;
  readonly settings: TlsSettings;
}

/** Writes the files of a member that presents `own` and trusts `ca`, for as long as the test runs. */
export function writeTls(
  t: Pick<TestContext, "after">,
  own: TestCertificate,
  ca: TestCertificate,
  settings: Partial<TlsSettings> = {},
): TlsFiles {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-tls-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const write = (name: string, content: string) => {
    writeFileSync(path.join(directory, name), content);
    return path.join(directory, name);
  };
  const certFile = write("cert.pem", own.certPem);
  const keyFile = write("key.pem", own.keyPem);
  return {
    directory,
    settings: {
      certFile,
      keyFile,
      clientCertFile: certFile,
      clientKeyFile: keyFile,
      trustedCaFile: write("ca.pem", ca.certPem),
      requireClientCertificate: true,
      namesClients: false,
      allowedCommonNames: [],
      allowedHostnames: [],
      crlFile: "",
      verifyClientAddress: true,
      minVersion: "TLSv1.2",
      maxVersion: undefined,
      ciphers: undefined,
      ...settings,
    },
  };
}

/** Of a peer port. */
export function certificatesOf(settings: TlsSettings, log: Logger = silentLogger): Certificates {
  return new Certificates(settings, "peer", realClock, log);
}

/** Of a side without flags. */
export function systemCertificates(): Certificates {
  return certificatesOf(NO_TLS_SETTINGS);
}
