import { decodeRangeRequest } from "@quorate/wire/hot";
import { AlarmType } from "../alarm/alarm-store.ts";
import type { ApiContext } from "../api/context.ts";
import { notFound, type PlainRequest, type PlainResponse } from "../http/plain-text.ts";
import { plainPath, requestTarget } from "../http/request-target.ts";
import { handleVersion, versionSource } from "../http/version.ts";
import { answerDebugVars } from "./debug-vars.ts";
import { type HealthSource, handleProbe, probeAt } from "./health.ts";
import type { HealthCounts } from "./health-counts.ts";
import { answerLogLevel, LOG_LEVEL_PATH, type LogLevelSource } from "./log-level.ts";
import type { Profiles } from "./profiles.ts";

/** Answers a request for a path that is not the gateway's; its owner hears of what fails. */
export type PlainEndpoints = (target: string, req: PlainRequest, res: PlainResponse) => void | Promise<void>;

/** Answers of `/metrics`; rejects when they cannot be collected. */
export type Exposition = () => Promise<{ readonly contentType: string; readonly text: string }>;

/** What is known about this member, for those who ask on the client port. */
export interface Observation {
  readonly health: HealthCounts;
  readonly exposition: Exposition;
  /** With `--enable-pprof`. */
  readonly profiles?: Profiles;
  readonly logLevel?: LogLevelSource | undefined;
}

/** `/version`, `/debug/vars`, with `--enable-pprof` `/debug/pprof/` and the level of the log, and what `metricsEndpoints` answers. */
export function clientEndpoints(context: ApiContext, observation: Observation): PlainEndpoints {
  const others = metricsEndpoints(context, observation);
  const version = versionSource(context);
  const log = context.log.for("client-port/log-level.ts");
  return (text, req, res) => {
    const target = requestTarget(text, req.method);
    const path = target === undefined ? "" : plainPath(target);
    if (path === "/version") return handleVersion(version, req, res);
    if (observation.profiles?.has(path) === true) {
      return observation.profiles.answer(path, new URLSearchParams(target?.query), req, res);
    }
    if (path === LOG_LEVEL_PATH && observation.logLevel !== undefined) {
      return answerLogLevel(observation.logLevel, log, new URLSearchParams(target?.query), req, res);
    }
    if (path === "/debug/vars") return answerDebugVars(context.consensus.raftStatus(), req, res);
    return others(text, req, res);
  };
}

/** `/health`, `/livez`, `/readyz` and `/metrics`. */
export function metricsEndpoints(context: ApiContext, observation: Observation): PlainEndpoints {
  const health = healthSource(context, observation.health);
  return (text, req, res) => {
    const target = requestTarget(text, req.method);
    const path = target === undefined ? "" : plainPath(target);
    if (path === "/metrics") return answerMetrics(observation.exposition, res);
    const probe = probeAt(path);
    if (probe === undefined) return notFound(res);
    return handleProbe(health, probe, new URLSearchParams(target?.query), req, res);
  };
}

async function answerMetrics(exposition: Exposition, res: PlainResponse): Promise<void> {
  let status = 200;
  let contentType = "text/plain; charset=utf-8";
  let text: string;
  try {
    ({ contentType, text } = await exposition());
  } catch (error) {
    // A metric that cannot be read is no reason to stop serving.
    status = 500;
    text = `cannot collect the metrics: ${(error as Error).message}\n`;
  }
  res.writeHead(status, { "content-type": contentType });
  res.end(text);
}

function healthSource(context: ApiContext, counts: HealthCounts): HealthSource {
  const { alarms, consensus, membership } = context;
  return {
    activeAlarms: () => alarms.list(AlarmType.NONE).map((alarm) => alarm.type),
    hasLeader: () => consensus.leader !== 0n,
    isLearner: () => membership.member(membership.localId)?.isLearner ?? false,
    probe: async (serializable) => {
      const { clock, measures, store } = context;
      const sinceMs = clock.nowMs();
      try {
        if (!serializable) await consensus.linearizable();
      } catch (error) {
        measures.ranges.neverRead(sinceMs);
        throw error;
      }
      measures.ranges.read(sinceMs, () => store.range(PROBE));
    },
    checked: (type, name, ok) => counts.checked(type, name, ok),
    healthAnswered: (ok) => counts.answered(ok),
  };
}

/** A range of one key, counted as such. */
const PROBE = decodeRangeRequest(Buffer.from("\n\x06health"));
