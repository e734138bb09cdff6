import { AlarmType } from "../alarm/alarm-store.ts";
import { methodNotAllowed, type PlainRequest, type PlainResponse } from "../http/plain-text.ts";

/** What health probes ask of a member. */
export interface HealthSource {
  /** Types of the active alarms, of any member. */
  activeAlarms(): readonly number[];
  hasLeader(): boolean;
  isLearner(): boolean;
  /** Reads one key of the store; rejects when it cannot be served. */
  probe(serializable: boolean): Promise<void>;
  /** Result of one `/livez` or `/readyz` check, and of one `/health` request, for the metrics. */
  checked(type: "livez" | "readyz", name: string, ok: boolean): void;
  healthAnswered(ok: boolean): void;
}

type Check = (source: HealthSource) => Promise<void>;

const CHECKS: Record<string, Check> = {
  data_corruption: async (source) => {
    if (source.activeAlarms().includes(AlarmType.CORRUPT)) throw new Error("alarm activated: CORRUPT");
  },
  serializable_read: (source) => source.probe(true),
  linearizable_read: (source) => source.probe(false),
  non_learner: async (source) => {
    if (source.isLearner()) throw new Error("not supported for learner");
  },
};

const ROOTS: Record<"livez" | "readyz", readonly string[]> = {
  livez: ["serializable_read"],
  readyz: ["data_corruption", "serializable_read", "linearizable_read", "non_learner"],
};

const ALARM_NAMES: Record<number, string> = {
  [AlarmType.NOSPACE]: "NOSPACE",
  [AlarmType.CORRUPT]: "CORRUPT",
};

/** One of the health endpoints. */
export interface Probe {
  readonly root: "health" | "livez" | "readyz";
  /** The only check that is asked for; undefined: all of them. */
  readonly check: string | undefined;
}

/** Which of `/health`, `/livez[/check]` and `/readyz[/check]` a path is. */
export function probeAt(path: string): Probe | undefined {
  const [, root, check, ...more] = path.split("/");
  if (more.length > 0) return undefined;
  if (root === "health") return check === undefined ? { root, check } : undefined;
  if (root !== "livez" && root !== "readyz") return undefined;
  return check === undefined || ROOTS[root].includes(check) ? { root, check } : undefined;
}

/** Answers a health probe. */
export async function handleProbe(
  source: HealthSource,
  { root, check }: Probe,
  query: URLSearchParams,
  req: PlainRequest,
  res: PlainResponse,
): Promise<void> {
  if (req.method !== "GET") methodNotAllowed(res);
  else if (root === "health") await answerHealth(source, query, res);
  else
    await answerChecks(
      source,
      root,
      check === undefined ? ROOTS[root] : [check],
      check === undefined,
      query,
      res,
    );
}

async function answerHealth(source: HealthSource, query: URLSearchParams, res: PlainResponse): Promise<void> {
  const reason = await unhealthyReason(source, query);
  source.healthAnswered(reason === "");
  if (reason === "") {
    res.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
    res.end('{"health":"true","reason":""}');
    return;
  }
  res.writeHead(503, { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" });
  res.end(`${JSON.stringify({ health: "false", reason })}\n`);
}

async function unhealthyReason(source: HealthSource, query: URLSearchParams): Promise<string> {
  const excluded = new Set(query.getAll("exclude"));
  for (const type of source.activeAlarms()) {
    const name = ALARM_NAMES[type] ?? "UNKNOWN";
    if (!excluded.has(name)) return `ALARM ${name}`;
  }
  const serializable = query.get("serializable") === "true";
  if (!serializable && !source.hasLeader()) return "RAFT NO LEADER";
  try {
    await source.probe(serializable);
    return "";
  } catch (error) {
    return `RANGE ERROR:${(error as Error).message}`;
  }
}

async function answerChecks(
  source: HealthSource,
  root: "livez" | "readyz",
  names: readonly string[],
  isRoot: boolean,
  query: URLSearchParams,
  res: PlainResponse,
): Promise<void> {
  const excluded = new Set(isRoot ? query.getAll("exclude") : []);
  const lines: string[] = [];
  let failed = false;
  for (const name of names) {
    if (excluded.has(name)) continue;
    try {
      await CHECKS[name]!(source);
      lines.push(`[+]${name} ok\n`);
      source.checked(root, name, true);
    } catch (error) {
      failed = true;
      lines.push(`[-]${name} failed: ${(error as Error).message}\n`);
      source.checked(root, name, false);
    }
  }
  res.writeHead(failed ? 503 : 200, {
    "content-type": "text/plain; charset=utf-8",
    "x-content-type-options": "nosniff",
  });
  if (failed) res.end(`${lines.join("")}\n`);
  else res.end(`${query.has("verbose") ? lines.join("") : ""}ok\n`);
}
