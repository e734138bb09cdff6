import http from "node:http";
import { AlarmType } from "../alarm/alarm-store.ts";
import type { ApiContext } from "../api/context.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Gateway } from "./gateway/gateway.ts";
import { type HealthSource, handleHealth } from "./health.ts";
import { notFound } from "./plain-text.ts";
import { handleVersion, type VersionSource } from "./version.ts";

const HEADERS_TIMEOUT_MS = 300_000;

/** The HTTP/1.1 side of the client port. It does not listen: connections are handed to it. */
export function createClientHttpServer(context: ApiContext, gateway: Gateway, metrics: Metrics): http.Server {
  const health = healthSource(context, metrics);
  const version = versionSource(context);
  const server = http.createServer({ headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: 0 }, (req, res) => {
    if (gateway.handle(req, res)) return;
    const url = parseUrl(req);
    if (url === undefined) notFound(res);
    else if (handleVersion(version, url, req, res) || handleHealth(health, url, req, res)) return;
    else if (url.pathname === "/metrics") void metrics.answer(res);
    else notFound(res);
  });
  server.on("upgrade", (req, socket, head) => {
    socket.on("error", () => socket.destroy());
    if (!gateway.upgrade(req, socket, head)) socket.destroy();
  });
  return server;
}

/** The peer port: what other members and operators ask of it. */
export function createPeerHttpServer(context: ApiContext): http.Server {
  const version = versionSource(context);
  return http.createServer((req, res) => {
    const url = parseUrl(req);
    if (url === undefined || !handleVersion(version, url, req, res)) notFound(res);
  });
}

function parseUrl(req: http.IncomingMessage): URL | undefined {
  return URL.parse(req.url ?? "/", "http://localhost") ?? undefined;
}

function versionSource(context: ApiContext): VersionSource {
  return {
    clusterVersion: () => context.membership.version,
    storageVersion: () => {
      const stored = context.backend.get("meta", Buffer.from("storageVersion"));
      return stored === undefined ? undefined : Buffer.from(stored).toString();
    },
  };
}

function healthSource(context: ApiContext, metrics: Metrics): HealthSource {
  const { alarms, consensus, membership } = context;
  return {
    activeAlarms: () => alarms.list(AlarmType.NONE).map((alarm) => alarm.type),
    hasLeader: () => consensus.leader !== 0n,
    isLearner: () => membership.member(membership.localId)?.isLearner ?? false,
    probe: async (serializable) => {
      if (!serializable) await consensus.linearizable();
      context.store.get(PROBE_KEY);
    },
    checked: (type, name, ok) => metrics.healthChecked(type, name, ok),
    healthAnswered: (ok) => metrics.healthAnswered(ok),
  };
}

const PROBE_KEY = Buffer.from("health");
