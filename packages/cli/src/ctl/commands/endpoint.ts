import { AlarmAction, AlarmType, type Client, ClientError, Code } from "@quorate/client";
import { HashKVResponse, StatusResponse } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { Exit, ExitCode, exitWith } from "../../command-line/exit.ts";
import { formatDuration } from "../../go-text/duration.ts";
import { humanBytes } from "../../go-text/human-bytes.ts";
import { hexId } from "../../go-text/ids.ts";
import { print } from "../output/display.ts";
import { jsonText, messageJson } from "../output/json.ts";
import { clientOf } from "../session/connect.ts";
import { readSettings, type Settings } from "../session/settings.ts";
import { endpointsOf } from "./endpoints.ts";

interface Health {
  readonly endpoint: string;
  readonly health: boolean;
  readonly took: string;
  readonly error: string;
}

export async function health(invocation: Invocation): Promise<void> {
  const settings = await readSettings(invocation);
  const endpoints = await endpointsOf(invocation, settings);
  const found: Health[] = [];
  await Promise.all(
    endpoints.map(async (endpoint) => {
      found.push(await healthOf(endpoint, settings));
    }),
  );
  await print(settings.display, {
    simple(simple) {
      for (const { endpoint, took, error } of found) {
        if (error === "")
          simple.line(`${endpoint} is healthy: successfully committed proposal: took = ${took}`);
        else simple.output.errorLine(`${endpoint} is unhealthy: failed to commit proposal: ${error}`);
      }
    },
    fields(fields) {
      for (const { endpoint, health, took, error } of found) {
        fields.quoted("Endpoint", endpoint);
        fields.plain("Health", health);
        fields.plain("Took", took);
        fields.plain("Error", error);
        fields.blank();
      }
    },
    json: () => listJson(found.map(healthJson)),
    rows: {
      head: ["endpoint", "health", "took", "error"],
      rows: found.map(({ endpoint, health, took, error }) => [endpoint, String(health), took, error]),
    },
  });
  if (found.some(({ error }) => error !== "")) throw new Exit(ExitCode.ERROR, "unhealthy cluster");
}

async function healthOf(endpoint: string, settings: Settings): Promise<Health> {
  let client: Client;
  try {
    client = await clientOf(settings, [endpoint]);
  } catch (error) {
    if (error instanceof Exit && error.code === ExitCode.BAD_ARGUMENTS) throw error;
    return { endpoint, health: false, took: "", error: (error as Error).message };
  }
  const begun = process.hrtime.bigint();
  const took = () => formatDuration(process.hrtime.bigint() - begun);
  try {
    await client.kv.range({ key: "health" });
  } catch (error) {
    // Who is told that it may not has been told by a quorum.
    if (!(error instanceof ClientError) || error.code !== Code.PERMISSION_DENIED)
      return { endpoint, health: false, took: took(), error: (error as Error).message };
  }
  const result = { endpoint, took: took() };
  try {
    const { alarms } = await client.maintenance.alarm({ action: AlarmAction.GET });
    if (alarms.length === 0) return { ...result, health: true, error: "" };
    const names = alarms.map(({ alarm }) => `${alarmName(alarm)} `);
    return { ...result, health: false, error: `Active Alarm(s): ${names.join("")}` };
  } catch {
    return { ...result, health: false, error: "Unable to fetch the alarm list" };
  } finally {
    client.close();
  }
}

function alarmName(alarm: number): string {
  if (alarm === AlarmType.NOSPACE) return "NOSPACE";
  return alarm === AlarmType.CORRUPT ? "CORRUPT" : "UNKNOWN";
}

function healthJson({ endpoint, health, took, error }: Health): string {
  const failed = error === "" ? "" : `,"error":${jsonText(error)}`;
  return `{"endpoint":${jsonText(endpoint)},"health":${health},"took":${jsonText(took)}${failed}}`;
}

function listJson(items: readonly string[]): string {
  return items.length === 0 ? "null" : `[${items.join(",")}]`;
}

interface Answered<Response> {
  readonly answers: readonly { readonly endpoint: string; readonly response: Response }[];
  /** Of the last endpoint that failed. */
  readonly error: Error | undefined;
}

/** Asks one endpoint after another, and says at once which cannot answer. */
async function askEach<Response>(
  { output }: Invocation,
  endpoints: readonly string[],
  settings: Settings,
  what: string,
  ask: (client: Client) => Promise<Response>,
): Promise<Answered<Response>> {
  const answers: { endpoint: string; response: Response }[] = [];
  let error: Error | undefined;
  for (const endpoint of endpoints) {
    const client = await clientOf(settings, [endpoint]);
    try {
      answers.push({ endpoint, response: await ask(client) });
    } catch (thrown) {
      error = thrown as Error;
      output.errorLine(`Failed to get the ${what} of endpoint ${endpoint} (${error.message})`);
    }
    client.close();
  }
  return { answers, error };
}

const STATUS_HEAD = [
  "endpoint",
  "ID",
  "version",
  "storage version",
  "db size",
  "in use",
  "percentage not in use",
  "quota",
  "is leader",
  "is learner",
  "raft term",
  "raft index",
  "raft applied index",
  "errors",
  "downgrade target version",
  "downgrade enabled",
];

export async function status(invocation: Invocation): Promise<void> {
  const settings = await readSettings(invocation);
  const endpoints = await endpointsOf(invocation, settings);
  const { answers, error } = await askEach(invocation, endpoints, settings, "status", (client) =>
    client.maintenance.status(),
  );
  const rows = answers.map(({ endpoint, response }) => statusRow(endpoint, response));
  await print(settings.display, {
    simple: (simple) => simple.rows(rows),
    rows: { head: STATUS_HEAD, rows },
    json: () =>
      listJson(
        answers.map(
          ({ endpoint, response }) =>
            `{"Endpoint":${jsonText(endpoint)},"Status":${messageJson(StatusResponse, response)}}`,
        ),
      ),
    fields(fields) {
      for (const { endpoint, response } of answers) {
        fields.header(response.header);
        fields.quoted("Version", response.version);
        fields.quoted("StorageVersion", response.storageVersion);
        fields.plain("DBSize", response.dbSize);
        fields.plain("DBSizeInUse", response.dbSizeInUse);
        fields.plain("DBSizeQuota", response.dbSizeQuota);
        fields.plain("Leader", response.leader);
        fields.plain("IsLearner", response.isLearner);
        fields.plain("RaftIndex", response.raftIndex);
        fields.plain("RaftAppliedIndex", response.raftAppliedIndex);
        fields.plain("Errors", `[${response.errors.join(" ")}]`);
        fields.quoted("Endpoint", endpoint);
        fields.quoted("DowngradeTargetVersion", response.downgradeInfo?.targetVersion ?? "");
        fields.plain("DowngradeEnabled", response.downgradeInfo?.enabled ?? false);
        fields.blank();
      }
    },
  });
  if (error !== undefined) throw new Exit(ExitCode.ERROR);
}

function statusRow(endpoint: string, status: StatusResponse): string[] {
  const memberId = status.header?.memberId ?? 0n;
  const { dbSize, dbSizeInUse } = status;
  return [
    endpoint,
    hexId(memberId),
    status.version,
    status.storageVersion,
    humanBytes(dbSize),
    humanBytes(dbSizeInUse),
    // No member says 0; one that does shall not end us.
    `${dbSize === 0n ? 0n : 100n - (dbSizeInUse * 100n) / dbSize}%`,
    humanBytes(status.dbSizeQuota),
    String(status.leader === memberId),
    String(status.isLearner),
    String(status.raftTerm),
    String(status.raftIndex),
    String(status.raftAppliedIndex),
    status.errors.join(", "),
    status.downgradeInfo?.targetVersion ?? "",
    String(status.downgradeInfo?.enabled ?? false),
  ];
}

export async function hashKv(invocation: Invocation): Promise<void> {
  const settings = await readSettings(invocation);
  const endpoints = await endpointsOf(invocation, settings);
  const revision = invocation.flags.integer("rev");
  const { answers, error } = await askEach(invocation, endpoints, settings, "hash", (client) =>
    client.maintenance.hashKv({ revision }),
  );
  const rows = answers.map(({ endpoint, response }) => [
    endpoint,
    String(response.hash),
    String(response.hashRevision),
  ]);
  await print(settings.display, {
    simple: (simple) => simple.rows(rows),
    rows: { head: ["endpoint", "hash", "hash_revision"], rows },
    json: () =>
      listJson(
        answers.map(
          ({ endpoint, response }) =>
            `{"Endpoint":${jsonText(endpoint)},"HashKV":${messageJson(HashKVResponse, response)}}`,
        ),
      ),
    fields(fields) {
      for (const { endpoint, response } of answers) {
        fields.header(response.header);
        fields.quoted("Endpoint", endpoint);
        fields.plain("Hash", response.hash);
        fields.plain("HashRevision", response.hashRevision);
        fields.blank();
      }
    },
  });
  if (error !== undefined) throw exitWith(ExitCode.ERROR, error);
}
