import { type Client, ClientError, Code, EventType, NO_END, prefixEnd } from "@quorate/client";
import type { Event, Init, RequestOp } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import type { FlagValues } from "../../command-line/flag-values.ts";
import { keyBehind, present } from "../session/answers.ts";
import { clientOf, connect } from "../session/connect.ts";
import { credentialsOf } from "../session/settings.ts";
import { type Progress, progressOf } from "../terminal/progress.ts";

const KEYS_OF_A_PAGE = 1_000;
const REPORT_MS = 30_000;
const NO_DEADLINE = { timeoutMs: Number.POSITIVE_INFINITY };

export async function run(invocation: Invocation): Promise<void> {
  const { args, flags, output } = invocation;
  const [destination] = args;
  if (destination === undefined || args.length !== 1)
    throw badArguments("make-mirror takes one destination argument");
  const target = await destinationClient(destination, invocation);
  const { client } = await connect(invocation);
  if (flags.on("no-dest-prefix") && flags.text("dest-prefix") !== "")
    throw badArguments("`--dest-prefix` and `--no-dest-prefix` cannot be set at the same time, choose one");
  const progress = progressOf(invocation, { what: "mirror", unit: "keys" });
  const mirror = new Mirror(client, target, flags, progress);
  setInterval(() => progress.beside(() => output.line(String(mirror.copied))), REPORT_MS);
  try {
    await mirror.run();
  } catch (error) {
    throw exitWith(ExitCode.ERROR, error);
  } finally {
    progress.end();
  }
}

async function destinationClient(endpoint: string, invocation: Invocation): Promise<Client> {
  const { flags } = invocation;
  const user = flags.text("dest-user");
  const password = flags.text("dest-password");
  return clientOf({
    endpoints: [endpoint],
    credentials: await credentialsOf(user, password, "Destination Password: ", invocation),
    token: undefined,
    tls: {
      cert: flags.text("dest-cert"),
      key: flags.text("dest-key"),
      cacert: flags.text("dest-cacert"),
      serverName: "",
      insecureTransport: flags.on("dest-insecure-transport"),
      skipVerification: false,
    },
    commandTimeoutMs: Number.POSITIVE_INFINITY,
    dialTimeoutMs: flags.duration("dial-timeout"),
    keepaliveTimeMs: flags.duration("keepalive-time"),
    keepaliveTimeoutMs: flags.duration("keepalive-timeout"),
    maxRequestBytes: Number(flags.integer("max-request-bytes")),
    maxResponseBytes: Number(flags.integer("max-recv-bytes")),
  });
}

/** Copies what there is, and then whatever changes. */
class Mirror {
  /** Keys so far. */
  copied = 0;
  readonly #source: Client;
  readonly #target: Client;
  readonly #prefix: Buffer;
  readonly #mostOperations: number;
  readonly #progress: Progress;
  readonly #keepsPrefix: boolean;
  #targetPrefix: Buffer;
  /** Up to which all is there. */
  #revision: bigint;

  constructor(source: Client, target: Client, flags: FlagValues, progress: Progress) {
    this.#progress = progress;
    this.#source = source;
    this.#target = target;
    this.#prefix = Buffer.from(flags.text("prefix"));
    this.#targetPrefix = Buffer.from(flags.text("dest-prefix"));
    this.#keepsPrefix = !flags.on("no-dest-prefix") && this.#targetPrefix.length === 0;
    this.#mostOperations = Number(flags.integer("max-txn-ops"));
    const first = flags.integer("rev") - 1n;
    this.#revision = first > 0n ? first : 0n;
  }

  /** Ends by failing only. */
  async run(): Promise<never> {
    if (this.#revision === 0n) {
      // With a revision etcdctl takes the prefix away unless it is told another one.
      if (this.#keepsPrefix) this.#targetPrefix = this.#prefix;
      await this.#copyAll();
    }
    const request = { ...this.#range(), startRevision: this.#revision + 1n };
    for await (const { events } of this.#source.watch(request)) await this.#copyChanges(events);
    throw new ClientError(Code.CANCELLED, "context canceled");
  }

  #range(): { key: Uint8Array; rangeEnd: Uint8Array } {
    if (this.#prefix.length === 0) return { key: NO_END, rangeEnd: NO_END };
    return { key: this.#prefix, rangeEnd: prefixEnd(this.#prefix) };
  }

  async #copyAll(): Promise<void> {
    const any = this.#prefix.length === 0 ? "foo" : this.#prefix;
    const { header } = await this.#source.kv.range({ key: any }, NO_DEADLINE);
    this.#revision = present(header, "header").revision;
    const { rangeEnd } = this.#range();
    let { key } = this.#range();
    let total: number | undefined;
    for (;;) {
      const page = await this.#source.kv.range(
        { key, rangeEnd, limit: KEYS_OF_A_PAGE, revision: this.#revision },
        NO_DEADLINE,
      );
      // How many there are from here on; later pages begin further on.
      total ??= Number(page.count);
      for (const kv of page.kvs) {
        await this.#target.kv.put({ key: this.#targetKey(kv.key), value: kv.value });
        this.copied++;
        this.#progress.reach(this.copied, total);
      }
      if (!page.more) return;
      key = keyBehind(key, page.kvs);
    }
  }

  /** What changed together changes together, as far as a transaction may be that large. */
  async #copyChanges(events: readonly Event[]): Promise<void> {
    let operations: Init<RequestOp>[] = [];
    let revision: bigint | undefined;
    const commit = async () => {
      if (operations.length > 0) await this.#target.kv.txn({ success: operations });
      operations = [];
    };
    for (const { type, kv } of events) {
      if (kv === undefined) continue;
      if (revision !== undefined && kv.modRevision > revision) await commit();
      if (operations.length === this.#mostOperations) await commit();
      revision = kv.modRevision;
      const key = this.#targetKey(kv.key);
      operations.push(
        type === EventType.DELETE
          ? { requestDeleteRange: { key } }
          : { requestPut: { key, value: kv.value } },
      );
      this.copied++;
    }
    await commit();
    this.#progress.reach(this.copied, undefined);
  }

  /** With the first occurrence of the prefix replaced. */
  #targetKey(key: Uint8Array): Uint8Array {
    const at = Buffer.from(key).indexOf(this.#prefix);
    if (at < 0) return key;
    return Buffer.concat([key.subarray(0, at), this.#targetPrefix, key.subarray(at + this.#prefix.length)]);
  }
}
