import {
  AuthenticateRequest,
  AuthenticateResponse,
  type Init,
  type WatchCreateRequest,
} from "@quorate/wire/messages";
import { MalformedAnswer } from "./connection/answers.ts";
import { Calls, method } from "./connection/calls.ts";
import { type ConnectionSettings, connectTo } from "./connection/connect.ts";
import { Connections } from "./connection/connections.ts";
import type { RequestOptions } from "./connection/deadline.ts";
import { parseEndpoint } from "./connection/endpoint.ts";
import { ClientError } from "./connection/errors.ts";
import { type Credentials, Tokens } from "./connection/tokens.ts";
import { Auth } from "./services/auth.ts";
import { Cluster } from "./services/cluster.ts";
import { Kv } from "./services/kv.ts";
import { Lease } from "./services/lease.ts";
import { Maintenance } from "./services/maintenance.ts";
import { untilDeleted, Watcher, type WatchOptions } from "./watch/watcher.ts";

export interface ClientOptions extends ConnectionSettings {
  /** Where members listen: `host:port`, `http://…`, `https://…`, `unix:…`. Any of them serves; one at a time is connected to. */
  readonly endpoints: readonly string[];
  readonly credentials?: Credentials;
  /** Sent as it is, in place of one that is fetched with credentials. */
  readonly token?: string;
  /** For each request that has no timeout of its own. Default 5 s; Infinity waits for ever. */
  readonly requestTimeoutMs?: number;
  /** The largest message to send. Default 2 MiB. */
  readonly maxRequestBytes?: number;
}

const AUTHENTICATE = method("Auth", "Authenticate", AuthenticateRequest, AuthenticateResponse, "safe");
/** What metadata can carry: a token is sent with every call. */
const PRINTABLE = /^[ -~]*$/;
const NOT_ENABLED = "etcdserver: authentication is not enabled";

/** A client of one cluster. It connects when it is needed for the first time, and goes on over members that come and go. */
export class Client {
  readonly kv: Kv;
  readonly lease: Lease;
  readonly cluster: Cluster;
  readonly auth: Auth;
  readonly maintenance: Maintenance;
  readonly #calls: Calls;
  readonly #connections: Connections;

  /** Throws TypeError when an endpoint is none, or there is none. */
  constructor(options: ClientOptions) {
    if (options.endpoints.length === 0) throw new TypeError("a client needs an endpoint");
    this.#connections = new Connections(options.endpoints.map(parseEndpoint), (endpoint) =>
      connectTo(endpoint, options),
    );
    const { credentials } = options;
    const fetch = credentials === undefined ? undefined : () => this.#fetchToken(credentials);
    this.#calls = new Calls(this.#connections, new Tokens(options.token, fetch), {
      requestTimeoutMs: options.requestTimeoutMs ?? 5_000,
      maxRequestBytes: options.maxRequestBytes ?? 2 * 1024 * 1024,
    });
    this.kv = new Kv(this.#calls);
    this.lease = new Lease(this.#calls);
    this.cluster = new Cluster(this.#calls);
    this.auth = new Auth(this.#calls);
    this.maintenance = new Maintenance(this.#calls);
  }

  /** Begins with its iteration; see {@link Watcher}. */
  watch(request: Init<WatchCreateRequest>, options?: WatchOptions): Watcher {
    return new Watcher(this.#calls, request, options);
  }

  /** Resolves when `key` is deleted in `startRevision` or later. Rejects with a ClientError. */
  untilDeleted(key: Uint8Array | string, startRevision: bigint, signal?: AbortSignal): Promise<void> {
    return untilDeleted(this.#calls, key, startRevision, signal);
  }

  /** Fetches the token for the credentials now and not with the first request. Rejects with a ClientError. */
  async authenticate(options?: RequestOptions): Promise<void> {
    await this.#calls.deadline(options).race(this.#calls.tokens.ready());
  }

  /** The cluster has other members now; calls that are under way end where they are. Throws TypeError when one is none. */
  replaceEndpoints(endpoints: readonly string[]): void {
    this.#connections.replaceEndpoints(endpoints.map(parseEndpoint));
  }

  /** Cuts the connection: what is under way fails. */
  close(): void {
    this.#connections.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  async #fetchToken({ user, password }: Credentials): Promise<string | undefined> {
    try {
      const { token } = await this.#calls.unary(AUTHENTICATE, { name: user, password });
      if (!PRINTABLE.test(token)) throw new MalformedAnswer("its token is not printable ASCII");
      return token;
    } catch (error) {
      if (error instanceof ClientError && error.details === NOT_ENABLED) return undefined;
      throw error;
    }
  }
}
