import type { X509Certificate } from "node:crypto";
import tls from "node:tls";
import { DOUBTFUL_OBJECTIONS, leadsToAnchor, type Usage } from "./certificate-chain.ts";
import { certificatesIn } from "./pem.ts";

/** Whom one side trusts: the content of a CA bundle, or the system's roots. It does not change. */
export class Authorities {
  /** For a secure context; undefined leaves the choice to the runtime. */
  readonly pem: readonly (string | Buffer)[] | undefined;
  #anchors: readonly X509Certificate[] | undefined;

  private constructor(pem: readonly (string | Buffer)[] | undefined, anchors?: readonly X509Certificate[]) {
    this.pem = pem;
    this.#anchors = anchors;
  }

  /**
   * Of a bundle in PEM. Throws when one of its certificates cannot be read, when it ends within one, and when there is
   * none.
   */
  static ofBundle(bundle: Buffer): Authorities {
    const anchors = certificatesIn(bundle);
    // One that is still being written.
    if (anchors.length < (bundle.toString().match(/-----BEGIN /g) ?? []).length) {
      throw new Error("it has a block that is no whole certificate");
    }
    if (anchors.length === 0) throw new Error("there is no certificate in it");
    return new Authorities([bundle], anchors);
  }

  /** The roots of the system, or the runtime's where it has none. */
  static ofSystem(): Authorities {
    const roots = tls.getCACertificates("system");
    return new Authorities(roots.length === 0 ? undefined : roots);
  }

  /** Where nobody is verified. */
  static unused(): Authorities {
    return new Authorities(undefined);
  }

  /** Whether a certificate leads to one of them, where OpenSSL has had this objection. */
  verify(leaf: X509Certificate, usage: Usage, objection: string | undefined, nowMs: number): boolean {
    if (objection === undefined) return true;
    if (!DOUBTFUL_OBJECTIONS.has(objection)) return false;
    // They are needed seldom, and the system has many.
    this.#anchors ??= (this.pem ?? tls.getCACertificates("default")).flatMap(certificatesIn);
    return leadsToAnchor(leaf, usage, this.#anchors, nowMs);
  }

  /** Those of a bundle; none of the system's. */
  get certificates(): readonly X509Certificate[] {
    return this.#anchors ?? [];
  }
}
