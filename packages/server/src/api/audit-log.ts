import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import { codeName } from "@quorate/rpc/status";
import type { Clock } from "@quorate/storage/seams/clock";
import { decode } from "@quorate/wire";
import { ResponseHeaderSchema } from "@quorate/wire/etcdserverpb";
import type { AuditFile } from "../audit/audit-file.ts";
import { cutText } from "./cut-text.ts";
import type { CallObserver, CallReport } from "./observed-calls.ts";
import { type Touched, type TouchedKeys, touchedBy } from "./touched.ts";

export type AuditedKeys = "hash" | "plain";

/** A longer key is named by its hash in any case. */
const MAX_PLAIN_KEY_BYTES = 1_024;
const HEADER_TAG = 0x0a;

/** One line of JSON for each call, watcher, and beginning of a stream. */
export class AuditLog implements CallObserver<Touched> {
  readonly touchedBy = touchedBy;
  readonly #file: AuditFile;
  readonly #clock: Clock;
  readonly #keys: AuditedKeys;

  constructor(file: AuditFile, clock: Clock, keys: AuditedKeys) {
    this.#file = file;
    this.#clock = clock;
    this.#keys = keys;
  }

  streamBegan(report: CallReport<Touched>): void {
    // A watch is written down with each of its watchers.
    if (report.path !== "/etcdserverpb.Watch/Watch") this.#write(report, { result: "Begun" });
  }

  ended(report: CallReport<Touched>): void {
    const { status, left, response } = report;
    const [code, text] = status ?? [undefined, ""];
    this.#write(report, {
      revision: response === undefined ? undefined : revisionOf(response),
      result: code === undefined ? `Left: ${left}` : codeName(code),
      reason: text === "" ? undefined : cutText(text),
    });
  }

  #write(report: CallReport<Touched>, outcome: Readonly<Record<string, unknown>>): void {
    const { path, caller, certificate, address, isJson, touched } = report;
    const record = {
      time: new Date(this.#clock.wallMs()).toISOString(),
      user: caller.username,
      certificate,
      address,
      protocol: isJson ? "json" : "grpc",
      method: path,
      ...this.#fieldsOf(touched),
      ...outcome,
    };
    // What anybody can bring about leaves room for what known ones do.
    const isOfNobody = caller.username === "" && certificate === undefined;
    this.#file.append(JSON.stringify(record), isOfNobody);
  }

  #fieldsOf(touched: Touched | undefined): Record<string, unknown> {
    if (touched === undefined) return {};
    const { keys, moreKeys, lease, subject } = touched;
    return {
      about: Object.keys(subject).length === 0 ? undefined : subject,
      lease: lease?.toString(16),
      keys: keys.length === 0 ? undefined : keys.map((each) => this.#named(each)),
      moreKeys: moreKeys === 0 ? undefined : moreKeys,
    };
  }

  #named({ kind, key, rangeEnd }: TouchedKeys): Record<string, string | undefined> {
    return {
      [kind]: this.#nameOf(key),
      rangeEnd: rangeEnd.length === 0 ? undefined : this.#nameOf(rangeEnd),
    };
  }

  /** The zero byte is no key of anybody's: it says that a range has no end. */
  #nameOf(key: Uint8Array): string {
    if (key.length === 1 && key[0] === 0) return "\0";
    const isPlain = this.#keys === "plain" && key.length <= MAX_PLAIN_KEY_BYTES && isUtf8(key);
    return isPlain ? Buffer.from(key).toString() : `sha256:${hash("sha256", key, "hex")}`;
  }
}

/** The revision in the header of a response, which comes first; undefined when it has none. */
function revisionOf(response: Uint8Array): number | undefined {
  const length = response[1] ?? 0;
  if (response[0] !== HEADER_TAG || length > 0x7f) return undefined;
  const { revision } = decode(ResponseHeaderSchema, response.subarray(2, 2 + length));
  return revision === 0n ? undefined : Number(revision);
}
