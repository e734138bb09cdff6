import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import type { Clock, Timer } from "@quorate/storage/seams/clock";
import type { JwtKey } from "../auth/cryptography.ts";
import type { TokenKeys } from "../auth/json-web-tokens.ts";
import { isSymmetric, type JwtSettings } from "../config/auth-token.ts";
import { ConfigError } from "../config/errors.ts";
import type { Logger } from "../log/logger.ts";
import { type NamedFile, UsableFiles } from "../tls/usable-files.ts";

/** Tokens are looked at far too often to look at the files each time. */
const LOOK_EVERY_MS = 1_000;
/** Each may be tried for a token that none of them has signed. */
const MAX_PUBLIC_KEYS = 8;

/** What tokens are signed and verified with, as it is on disk; replaced files are noticed within a second. */
export class TokenKeyFiles {
  readonly #files: UsableFiles<TokenKeys>;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #isClosed = false;

  /** Reads the files. Throws `ConfigError`, with etcd's texts. */
  constructor(settings: JwtSettings, clock: Clock, log: Logger) {
    this.#clock = clock;
    const { publicKeyFile, privateKeyFile } = settings;
    const named = (path: string, flag: string): NamedFile[] => (path === "" ? [] : [{ path, flag }]);
    // Of a method with one secret the other file is none.
    const publicKey = isSymmetric(settings.algorithm) ? "" : publicKeyFile;
    this.#files = new UsableFiles({
      files: [...named(privateKeyFile, "priv-key"), ...named(publicKey, "pub-key")],
      parse: (contents) => {
        const [first, second] = contents;
        return privateKeyFile === "" ? keysOf(settings, undefined, first) : keysOf(settings, first, second);
      },
      complaint: "replaced keys of tokens cannot be used",
      refusal: (error) =>
        error instanceof ConfigError ? error : new ConfigError("auth: invalid auth options"),
      clock,
      log,
    });
  }

  /** The same object while they are the same. */
  get current(): TokenKeys {
    return this.#files.last;
  }

  /** Looks at the files from now on, until it is closed. */
  watch(): void {
    this.#timer = this.#clock.setTimer(LOOK_EVERY_MS, () => {
      void this.#files.current().then(() => {
        if (!this.#isClosed) this.watch();
      });
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }
}

function keysOf(
  { algorithm }: JwtSettings,
  privateBytes: Buffer | undefined,
  publicBytes: Buffer | undefined,
): TokenKeys {
  if (isSymmetric(algorithm)) {
    if (privateBytes === undefined || privateBytes.length === 0) {
      throw new ConfigError("auth: missing key data");
    }
    const secret: JwtKey = new Uint8Array(privateBytes);
    return { signKey: secret, verifyKeys: [secret] };
  }
  const signKey = isEmpty(privateBytes) ? undefined : read(createPrivateKey, privateBytes.toString());
  const publicKeys = isEmpty(publicBytes) ? [] : publicKeysIn(publicBytes.toString());
  if (signKey === undefined) {
    if (publicKeys.length === 0) throw new ConfigError("auth: missing key data");
    return { signKey, verifyKeys: publicKeys };
  }
  const own = createPublicKey(signKey);
  const others = publicKeys.filter((key) => !key.equals(own));
  if (publicKeys.length > 0 && others.length === publicKeys.length) {
    throw new ConfigError("auth: public and private keys don't match");
  }
  return { signKey, verifyKeys: [own, ...others] };
}

function isEmpty(bytes: Buffer | undefined): bytes is undefined {
  return bytes === undefined || bytes.length === 0;
}

const BEGINNINGS = /-----BEGIN (?:[A-Z0-9]+ )*(?:KEY|CERTIFICATE)-----/g;
const BLOCKS = /-----BEGIN ((?:[A-Z0-9]+ )*(?:KEY|CERTIFICATE))-----[^-]*-----END \1-----/g;

/** PEM of any kind, certificates too. */
function publicKeysIn(text: string): KeyObject[] {
  const blocks = text.match(BLOCKS) ?? [text];
  // One that is cut off is a file that is being written, or damaged: nobody is to miss its key without a word.
  if ((text.match(BEGINNINGS)?.length ?? 0) > blocks.length) throw unreadable();
  if (blocks.length > MAX_PUBLIC_KEYS) {
    throw new ConfigError(`auth: there are more than ${MAX_PUBLIC_KEYS} keys of tokens`);
  }
  return blocks.map((block) => read(createPublicKey, block));
}

/** What is wrong with a key is not told: it is a secret. */
function read(create: (pem: string) => KeyObject, pem: string): KeyObject {
  try {
    return create(pem);
  } catch {
    throw unreadable();
  }
}

function unreadable(): ConfigError {
  return new ConfigError("auth: the key of tokens cannot be read");
}
