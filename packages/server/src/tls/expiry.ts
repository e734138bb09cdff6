import type { Clock, Timer } from "@quorate/storage/seams/clock";
import type { Logger } from "../log/logger.ts";
import type { Certificates, LoadedCertificate } from "./certificates.ts";

const LOOK_EVERY_MS = 60_000;
/** So long before the end of a certificate the log says so, or a fifth of its life before it, when that is later. */
const WARN_BEFORE_MS = 30 * 24 * 3_600_000;
const WARN_BEFORE_PART = 5;
/** A bundle may hold as many as it likes. */
const MAX_REPORTED = 64;

/** When a certificate ends. */
export interface Expiry {
  /** The flag that names its file. */
  readonly flag: string;
  /** In lower-case hex. */
  readonly serial: string;
  /** From now on; negative when it has ended. */
  readonly seconds: number;
}

/** Looks every minute when the certificates of a member end, and warns once of each in time, and once when it has ended. */
export class CertificateExpiry {
  readonly #sides: readonly Certificates[];
  readonly #clock: Clock;
  readonly #log: Logger;
  /** What was said of certificates, of which each is one of the last look. */
  #told = new Map<string, Warning>();
  #loaded: readonly LoadedCertificate[] = [];
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(sides: readonly Certificates[], clock: Clock, log: Logger) {
    this.#sides = sides;
    this.#clock = clock;
    this.#log = log.for("tls/expiry.ts");
  }

  /** Looks now and then, until it is closed. */
  watch(): void {
    if (this.#sides.length === 0 || this.#isClosed) return;
    const again = () => {
      if (!this.#isClosed) this.#timer = this.#clock.setTimer(LOOK_EVERY_MS, () => this.watch());
    };
    this.look().then(again, again);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /** Reads the files that have changed, and warns. */
  async look(): Promise<void> {
    const loaded = (await Promise.all(this.#sides.map((side) => side.current()))).flat();
    this.#loaded = loaded;
    const told = new Map<string, Warning>();
    for (const each of loaded) {
      const warning = warningOf(each, this.#clock.wallMs());
      if (warning === undefined) continue;
      const key = `${each.flag} ${each.certificate.fingerprint256}`;
      if (this.#told.get(key) !== warning) this.#warn(warning, each);
      told.set(key, warning);
    }
    this.#told = told;
  }

  /** Of the certificates that the last look has found, the first ones of all files. */
  expiries(): Expiry[] {
    const nowMs = this.#clock.wallMs();
    return this.#loaded.slice(0, MAX_REPORTED).map(({ flag, certificate }) => ({
      flag,
      serial: certificate.serialNumber.toLowerCase(),
      seconds: (certificate.validToDate.getTime() - nowMs) / 1_000,
    }));
  }

  #warn(warning: Warning, { flag, certificate }: LoadedCertificate): void {
    this.#log.warn(warning, {
      flag,
      serial: certificate.serialNumber.toLowerCase(),
      subject: certificate.subject?.replaceAll("\n", ","),
      "not-after": certificate.validToDate.toISOString(),
    });
  }
}

type Warning = "a certificate expires soon" | "a certificate has expired";

function warningOf({ certificate }: LoadedCertificate, nowMs: number): Warning | undefined {
  const [fromMs, toMs] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
  if (nowMs >= toMs) return "a certificate has expired";
  const warnBeforeMs = Math.min(WARN_BEFORE_MS, (toMs - fromMs) / WARN_BEFORE_PART);
  return nowMs >= toMs - warnBeforeMs ? "a certificate expires soon" : undefined;
}
