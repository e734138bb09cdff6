import { LIMIT_MS } from "./load.ts";

/** Requests to the endpoints that tell how a member is. Each is sent without an alarm and with one. */
export const QUESTIONS: readonly (readonly [method: string, path: string])[] = [
  ["GET", "/health"],
  ["GET", "/health?serializable=true"],
  ["GET", "/health?serializable=false"],
  ["GET", "/health?exclude=NOSPACE"],
  ["GET", "/health?exclude=CORRUPT"],
  ["GET", "/health?exclude=CORRUPT&exclude=NOSPACE"],
  ["GET", "/health?exclude=nospace"],
  ["GET", "/health/"],
  ["POST", "/health"],
  ["PUT", "/health"],
  ["HEAD", "/health"],
  ["GET", "/livez"],
  ["GET", "/livez?verbose"],
  ["GET", "/livez?verbose="],
  ["GET", "/livez?exclude=serializable_read"],
  ["GET", "/livez?exclude=serializable_read&verbose"],
  ["GET", "/livez?exclude=nothing"],
  ["GET", "/livez/serializable_read"],
  ["GET", "/livez/serializable_read?verbose"],
  ["GET", "/livez/serializable_read?exclude=serializable_read"],
  ["GET", "/livez/linearizable_read"],
  ["POST", "/livez"],
  ["HEAD", "/livez"],
  ["GET", "/readyz"],
  ["GET", "/readyz?verbose"],
  ["GET", "/readyz?verbose&exclude=linearizable_read&exclude=non_learner"],
  ["GET", "/readyz?exclude=data_corruption&exclude=serializable_read"],
  ["GET", "/readyz/data_corruption"],
  ["GET", "/readyz/data_corruption?verbose"],
  ["GET", "/readyz/linearizable_read"],
  ["GET", "/readyz/serializable_read"],
  ["GET", "/readyz/non_learner"],
  ["GET", "/readyz/nothing"],
  ["GET", "/readyz/"],
  ["DELETE", "/readyz"],
  ["GET", "/version"],
  ["HEAD", "/version"],
  ["POST", "/version"],
  ["GET", "/nothing"],
  ["POST", "/debug/vars"],
  ["GET", "/config/local/log"],
  ["GET", "/v2/keys"],
];

const COMPARED_HEADERS = ["content-type", "x-content-type-options", "allow", "content-length"];

/** Status, headers and body; checks are listed in no order. */
export async function answerOf(endpoint: string, method: string, path: string): Promise<unknown> {
  const response = await fetch(`http://${endpoint}${path}`, {
    method,
    redirect: "manual",
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  const body = (await response.text()).split("\n");
  const checks = body.filter((line) => /^\[[+-]\]/.test(line)).sort();
  return {
    status: response.status,
    headers: COMPARED_HEADERS.map((name) => response.headers.get(name)),
    checks,
    rest: body.filter((line) => !/^\[[+-]\]/.test(line)),
  };
}
