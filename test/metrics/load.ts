/** Requests to the JSON gateway that make a member count something of everything, but for what needs other members. */
const REQUESTS: readonly (readonly [path: string, body: object])[] = [
  ["kv/put", { key: "YQ==", value: "Yg==" }],
  ["kv/put", { key: "Yg==", value: "Yg==" }],
  ["kv/range", { key: "YQ==" }],
  ["kv/range", { key: "YQ==", serializable: true }],
  ["kv/txn", { success: [{ request_put: { key: "YQ==", value: "Yg==" } }] }],
  ["kv/txn", { success: [{ request_range: { key: "YQ==" } }] }],
  ["kv/put", { key: "YQ==", value: "Yw==", prev_kv: true }],
  ["kv/put", { key: "enp6", ignore_value: true }],
  ["kv/range", { key: "YQ==", revision: "400" }],
  ["kv/txn", { success: [{ request_range: { key: "YQ==" } }, { request_range: { key: "Yg==" } }] }],
  [
    "kv/txn",
    {
      compare: [{ key: "YQ==", target: "VERSION", version: "99" }],
      failure: [
        { request_put: { key: "Yw==", value: "Yg==", prev_kv: true } },
        { request_delete_range: { key: "Yw==", range_end: "ZA==", prev_kv: true } },
      ],
    },
  ],
  ["kv/deleterange", { key: "Yg==" }],
  ["kv/deleterange", { key: "Yg==" }],
  ["kv/deleterange", { key: "Yg==", range_end: "ZA==", prev_kv: true }],
  ["cluster/member/promote", { ID: "77" }],
  ["lease/grant", { ID: "77", TTL: "60" }],
  ["lease/keepalive", { ID: "77" }],
  ["lease/revoke", { ID: "77" }],
  ["kv/compaction", { revision: "5", physical: true }],
  ["kv/compaction", { revision: "400" }],
  ["maintenance/hashkv", {}],
  ["maintenance/hash", {}],
  ["maintenance/defragment", {}],
  ["maintenance/snapshot", {}],
  ["election/campaign", { name: "ZQ==", value: "djE=" }],
  ["lock/lock", { name: "bXk=" }],
  ["maintenance/alarm", { action: "ACTIVATE", memberID: "1", alarm: "NOSPACE" }],
  ["kv/put", { key: "YQ==", value: "Yg==" }],
];

/** Longer than any answer takes. */
export const LIMIT_MS = 60_000;

/** Ends with an alarm that no space is left. */
export async function load(endpoint: string): Promise<void> {
  for (const [path, body] of REQUESTS) {
    const response = await fetch(`http://${endpoint}/v3/${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    await response.arrayBuffer();
  }
  for (const path of ["health", "livez", "readyz"]) await read(endpoint, `/${path}`);
}

export async function read(endpoint: string, path: string): Promise<string> {
  const response = await fetch(`http://${endpoint}${path}`, { signal: AbortSignal.timeout(LIMIT_MS) });
  return await response.text();
}
