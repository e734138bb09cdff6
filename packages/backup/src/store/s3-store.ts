import type { S3mini, UploadPart } from "s3mini";
import { BackupError } from "../errors.ts";
import type { ObjectStore, StoredObject } from "./object-store.ts";

export interface S3Settings {
  /** With scheme and port, without the bucket. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** What all names begin with; empty, or without a slash at its end. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Of an upload in parts and of a download in ranges: so much is in memory. Segments of an archive are smaller. */
const PART_BYTES = 8 * 1024 * 1024;
const PART_WITHIN_MS = 60_000;
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 200;
const TYPE = "application/octet-stream";

/** What an operator can do about it, by the code of the store's error. */
const REFUSALS: Readonly<Record<string, string>> = {
  SignatureDoesNotMatch: "AWS_SECRET_ACCESS_KEY is not the secret of AWS_ACCESS_KEY_ID",
  InvalidAccessKeyId: "the store does not know AWS_ACCESS_KEY_ID",
  XAdminUserNotFound: "the store does not know AWS_ACCESS_KEY_ID",
  AccessDenied: "these keys may not do that",
  AuthorizationHeaderMalformed: "the store may be in another region than --s3-region",
  RequestTimeTooSkewed: "the clock of this machine and that of the store differ",
  NoSuchBucket: "there is no such bucket",
};

/** It does not help to ask again. */
class Refusal extends Error {}

/** Objects in a bucket of S3, or of something that speaks the same. */
export class S3Store implements ObjectStore {
  readonly where: string;
  readonly #client: S3mini;
  readonly #prefix: string;

  private constructor(client: S3mini, { bucket, prefix }: S3Settings) {
    this.#client = client;
    this.#prefix = prefix === "" ? "" : `${prefix}/`;
    this.where = `s3://${bucket}/${prefix}`;
  }

  static async open(settings: S3Settings): Promise<S3Store> {
    const { S3mini } = await import("s3mini");
    const { endpoint, region, bucket, accessKeyId, secretAccessKey } = settings;
    const client = new S3mini({
      accessKeyId,
      secretAccessKey,
      region,
      endpoint: `${endpoint.replace(/\/+$/, "")}/${bucket}`,
      requestAbortTimeout: PART_WITHIN_MS,
    });
    return new S3Store(client, settings);
  }

  async put(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const key = this.#prefix + name;
    const parts = inParts(content);
    const first = await parts.next();
    const second = await parts.next();
    if (second.done === true) {
      await this.#attempt(name, () => this.#client.putObject(key, first.value ?? new Uint8Array(0), TYPE));
      return;
    }
    const upload = await this.#attempt(name, () => this.#client.getMultipartUploadId(key, TYPE));
    try {
      const done: UploadPart[] = [];
      const put = async (part: Uint8Array): Promise<void> => {
        const number = done.length + 1;
        done.push(await this.#attempt(name, () => this.#client.uploadPart(key, upload, part, number)));
      };
      await put(first.value!);
      await put(second.value);
      for await (const part of parts) await put(part);
      await this.#attempt(name, () => this.#client.completeMultipartUpload(key, upload, done));
    } catch (error) {
      await this.#client.abortMultipartUpload(key, upload).catch(() => {});
      throw error;
    }
  }

  /** In ranges, each of which may be asked for again. */
  async *get(name: string): AsyncGenerator<Uint8Array, void> {
    const key = this.#prefix + name;
    for (let at = 0; ; ) {
      const { bytes, total } = await this.#attempt(name, async () => {
        const response = await this.#client.getObjectRaw(key, false, at, at + PART_BYTES);
        const body = new Uint8Array(await response.arrayBuffer());
        const range = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
        return { bytes: body, total: range === null ? body.length : Number(range[1]) };
      });
      yield bytes;
      at += bytes.length;
      if (at >= total || bytes.length === 0) return;
    }
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    const found = await this.#attempt(prefix, async () => {
      const objects = await this.#client.listObjects("/", this.#prefix + prefix);
      // Of whatever is not found: a few stores say that of unknown keys, too.
      if (objects === null) throw new Refusal("there is no such bucket, or no such AWS_ACCESS_KEY_ID");
      return objects;
    });
    return found
      .map(({ Key, Size }) => ({ name: Key.slice(this.#prefix.length), bytes: Size }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async remove(name: string): Promise<void> {
    await this.#attempt(name, () => this.#client.deleteObject(this.#prefix + name));
  }

  /** A bucket's own rules remove uploads that were not completed. */
  async tidy(): Promise<void> {}

  /** Again where that may help. Rejects with a BackupError that says what was asked for. */
  async #attempt<T>(name: string, ask: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        const { status, code = "" } = error as { status?: number; code?: string };
        if (status === 404 && !Object.hasOwn(REFUSALS, code))
          throw new BackupError("MISSING", `${name} is not in ${this.where}`, { cause: error });
        const isFinal =
          error instanceof Refusal ||
          (status !== undefined && status < 500 && status !== 429 && status !== 408);
        if (isFinal || attempt === ATTEMPTS)
          throw new BackupError("STORE", `${this.where}: ${reasonOf(error)}`, { cause: error });
        await new Promise((resolve) => setTimeout(resolve, FIRST_PAUSE_MS * 2 ** (attempt - 1)));
      }
    }
  }
}

function reasonOf(error: unknown): string {
  const { message, cause, code = "" } = error as Error & { code?: string };
  if (Object.hasOwn(REFUSALS, code)) return `${message} (${REFUSALS[code]})`;
  return cause instanceof Error && cause.message !== "" ? `${message}: ${cause.message}` : message;
}

/** Pieces of the size of a part; the last one is shorter. */
async function* inParts(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of content) {
    waiting.push(chunk);
    length += chunk.length;
    if (length < PART_BYTES) continue;
    const all = Buffer.concat(waiting);
    const whole = all.length - (all.length % PART_BYTES);
    for (let at = 0; at < whole; at += PART_BYTES) yield all.subarray(at, at + PART_BYTES);
    waiting = [all.subarray(whole)];
    length = all.length - whole;
  }
  if (length > 0) yield Buffer.concat(waiting);
}
