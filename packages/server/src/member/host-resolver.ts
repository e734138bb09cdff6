import { lookup } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { ResolveHost } from "../cluster/peer-urls.ts";

export interface HostResolverOptions {
  /** How the system finds an address. */
  readonly lookup?: (host: string) => Promise<string>;
  /** For all hosts together, from now on. Default: 30 s. */
  readonly budgetMs?: number;
  readonly retryMs?: number;
}

const BUDGET_MS = 30_000;
const RETRY_MS = 1_000;

/** Asks the system's resolver, again and again while it fails and the time lasts: names may appear after a member. */
export function createHostResolver(options: HostResolverOptions = {}): ResolveHost {
  const { lookup: find = systemLookup, budgetMs = BUDGET_MS, retryMs = RETRY_MS } = options;
  const deadlineMs = performance.now() + budgetMs;
  return async (host) => {
    for (;;) {
      const remainingMs = Math.max(0, deadlineMs - performance.now());
      try {
        return await within(remainingMs, find(host), host);
      } catch (error) {
        if (performance.now() + retryMs >= deadlineMs) throw error;
        await sleep(retryMs);
      }
    }
  };
}

async function within(limitMs: number, found: Promise<string>, host: string): Promise<string> {
  const stop = new AbortController();
  const tooLate = sleep(limitMs, undefined, { signal: stop.signal }).then(
    () => {
      throw new Error(`lookup ${host}: no answer in time`);
    },
    () => found,
  );
  try {
    return await Promise.race([found, tooLate]);
  } finally {
    stop.abort();
  }
}

async function systemLookup(host: string): Promise<string> {
  try {
    const { address } = await lookup(host, { verbatim: true });
    return address;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(`lookup ${host}: ${code === "ENOTFOUND" ? "no such host" : message}`);
  }
}
