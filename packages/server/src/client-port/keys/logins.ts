import { Buffer, isUtf8 } from "node:buffer";
import { createHmac, randomBytes } from "node:crypto";
import { Code } from "@quorate/rpc/status";
import {
  AuthenticateRequest,
  AuthenticateResponse,
  decodeMessage,
  encodeMessage,
} from "@quorate/wire/messages";
import type { GatewayBackend } from "../../api/gateway-backend.ts";
import { FAILURES, RequestError } from "../../errors.ts";
import { CallFailed } from "./problems.ts";

/** Users and passwords whose tokens are kept; beyond that all are forgotten, and asked for again. */
const MAX_REMEMBERED_LOGINS = 1024;

export interface LoginsOptions {
  readonly backend: GatewayBackend;
  isAuthEnabled(): boolean;
  /** Whether a token says by now who somebody is. */
  isValid(token: string): boolean;
}

/** What requests come with that name their user and password themselves: tokens, each asked for once as long as it holds. */
export class Logins {
  readonly #options: LoginsOptions;
  /** By what credentials are with a key of this process: who reads its memory finds no passwords here. */
  readonly #tokens = new Map<string, Promise<string>>();
  readonly #secret = randomBytes(32);

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  /** `metadata` with a token in the place of a user and password. Takes it. Rejects with RequestError or CallFailed. */
  async withToken(metadata: Map<string, string[]>): Promise<Map<string, string[]>> {
    const sent = metadata.get("authorization")?.[0];
    const encoded = sent === undefined ? undefined : /^basic +(.*)$/i.exec(sent)?.[1];
    if (encoded === undefined || !this.#options.isAuthEnabled()) return metadata;
    metadata.delete("authorization");
    metadata.delete("grpcgateway-authorization");
    metadata.set("token", [await this.#tokenFor(encoded, metadata)]);
    return metadata;
  }

  async #tokenFor(encoded: string, metadata: ReadonlyMap<string, string[]>): Promise<string> {
    const known = createHmac("sha256", this.#secret).update(encoded).digest("base64");
    const before = this.#tokens.get(known);
    if (before !== undefined) {
      const token = await before;
      if (this.#options.isValid(token)) return token;
      if (this.#tokens.get(known) === before) this.#tokens.delete(known);
    }
    let asked = this.#tokens.get(known);
    if (asked === undefined) {
      asked = this.#authenticate(encoded, metadata);
      if (this.#tokens.size >= MAX_REMEMBERED_LOGINS) this.#tokens.clear();
      this.#tokens.set(known, asked);
      asked.catch(() => this.#tokens.delete(known));
    }
    return asked;
  }

  #authenticate(encoded: string, metadata: ReadonlyMap<string, string[]>): Promise<string> {
    const octets = Buffer.from(encoded, "base64");
    const credentials = octets.toString();
    const colon = credentials.indexOf(":");
    if (colon < 0 || !isUtf8(octets)) return Promise.reject(new RequestError("BAD_CREDENTIALS"));
    const message = encodeMessage(AuthenticateRequest, {
      name: credentials.slice(0, colon),
      password: credentials.slice(colon + 1),
    });
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let token = "";
    const { backend } = this.#options;
    // Whoever else waits for the same goes on waiting when the first one leaves.
    const call = backend.start(AUTHENTICATE, new Map(metadata), Number.POSITIVE_INFINITY, {
      onMessage: (reply) => {
        if (reply instanceof Uint8Array) ({ token } = decodeMessage(AuthenticateResponse, reply));
      },
      onParts: (parts, release) => parts.forEach(release),
      onPauseReading: () => {},
      onResumeReading: () => {},
      onEnd: (code, text) => {
        if (code !== Code.OK) reject(new CallFailed(code, text));
        else if (token === "") reject(new CallFailed(...FAILURES.NO_ANSWER));
        else resolve(token);
      },
    });
    call.send(message);
    call.halfClose();
    return promise;
  }
}

const AUTHENTICATE = "/etcdserverpb.Auth/Authenticate";
