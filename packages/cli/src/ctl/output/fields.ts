import type { KeyValue, ResponseHeader } from "@quorate/wire/messages";
import type { Output } from "../../command-line/output.ts";
import { hexId, leaseId } from "../../go-text/ids.ts";
import { quote } from "../../go-text/quote.ts";

/** The form of names and values, a line each. */
export class Fields {
  readonly #output: Output;
  readonly #hex: boolean;

  constructor(output: Output, hex: boolean) {
    this.#output = output;
    this.#hex = hex;
  }

  /** A number, or text that is not quoted. */
  plain(name: string, value: bigint | number | boolean | string): void {
    this.#output.line(`"${name}" : ${value}`);
  }

  quoted(name: string, value: Uint8Array | string): void {
    this.plain(name, quote(value));
  }

  blank(): void {
    this.#output.line();
  }

  id(name: string, id: bigint): void {
    this.plain(name, this.#hex ? hexId(id) : id);
  }

  lease(name: string, id: bigint): void {
    this.plain(name, this.#hex ? leaseId(id) : id);
  }

  header(header: ResponseHeader | undefined): void {
    const { clusterId = 0n, memberId = 0n, revision = 0n, raftTerm = 0n } = header ?? {};
    this.id("ClusterID", clusterId);
    this.id("MemberID", memberId);
    if (revision > 0n) this.plain("Revision", revision);
    this.plain("RaftTerm", raftTerm);
  }

  keyValue(kv: KeyValue | undefined, prefix = ""): void {
    if (kv === undefined) return;
    this.quoted(`${prefix}Key`, kv.key);
    this.plain(`${prefix}CreateRevision`, kv.createRevision);
    this.plain(`${prefix}ModRevision`, kv.modRevision);
    this.plain(`${prefix}Version`, kv.version);
    this.quoted(`${prefix}Value`, kv.value);
    this.lease(`${prefix}Lease`, kv.lease);
  }
}
