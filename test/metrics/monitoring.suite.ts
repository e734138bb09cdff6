/** The alerts and the dashboard of `docs/monitoring`, evaluated by Prometheus itself over a member under load. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { Server } from "@quorate/testkit/process";
import { repositoryRoot, target } from "@quorate/testkit/target";
import { until } from "@quorate/testkit/wait";
import { load, read } from "./load.ts";
import { Prometheus, prometheusPrograms, run } from "./prometheus.ts";

const RULES = path.join(repositoryRoot, "docs/monitoring/alerts.yaml");
const DASHBOARD = path.join(repositoryRoot, "docs/monitoring/dashboard.json");
const START_LIMIT_MS = 180_000;
/** A single member has none of these, and one that is well none of the others. */
const NEEDS_MORE = /etcd_network_peer_|quorate_watch_stream_lag_revisions/;

const programs = prometheusPrograms();
const skip = "missing" in programs ? programs.missing : false;

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

test("Prometheus takes the metrics, and evaluates every alert and every query of the dashboard", {
  skip,
}, async (t) => {
  if ("missing" in programs) return;
  const { prometheus: program, promtool } = programs.found;
  const rules = run(promtool, ["check", "rules", RULES]);
  assert.ok(rules.ok, rules.output);
  await using member = await Server.start({ command: target().command, startTimeoutMs: START_LIMIT_MS });
  await using prometheus = await Prometheus.start(program, member.endpoint, RULES);
  await load(member.endpoint);
  const checked = run(promtool, ["check", "metrics"], await read(member.endpoint, "/metrics"));
  // Names are etcd's: what promtool would have them called is no fault, what it cannot read is.
  assert.doesNotMatch(checked.output, /error while linting|text format parsing error/, checked.output);

  await until(async () => (await prometheus.rules()).every(({ health }) => health !== "unknown"));
  for (const { name, health, lastError } of await prometheus.rules())
    assert.equal(health, "ok", `${name}: ${lastError}`);

  const { panels } = JSON.parse(readFileSync(DASHBOARD, "utf8")) as Dashboard;
  const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  // A rate needs two scrapes.
  await until(async () => (await prometheus.query("rate(grpc_server_started_total[1m])")).length > 0);
  for (const query of queries) {
    const series = await prometheus.query(query.replaceAll("$__rate_interval", "1m"));
    if (!NEEDS_MORE.test(query)) assert.ok(series.length > 0, query);
  }
  t.diagnostic(`${(await prometheus.rules()).length} alerts, ${queries.length} queries`);
});
