/** What is measured: one row is an operation in one shape of load, taken by one generator. */

import type { Transport } from "./transport.ts";

export type GeneratorName = "native" | "h2load" | "go" | "quorate";

export type OperationName =
  | "put"
  | "put-as-user"
  | "range"
  | "range-serializable"
  | "range-100"
  | "range-10000"
  | "txn"
  | "watch"
  | "watch-latency"
  | "lease-grant"
  | "keepalive"
  | "connect"
  | "connect-resumed"
  | "idle";

/** Which members of a cluster the load goes to. */
export type Place = "leader" | "follower" | "all";

export interface Row {
  readonly operation: OperationName;
  readonly connections: number;
  readonly streams: number;
  readonly generator: GeneratorName;
  /** In a cluster only. */
  readonly place?: Place;
  /** Default plaintext. */
  readonly transport?: Transport;
  /** The ratio of throughputs to etcd that this row must reach. */
  readonly atLeast: number;
}

export const KEYS = 100_000;
export const LEASES = 10_000;
export const KEY_BYTES = 32;
export const VALUE_BYTES = 256;

interface Shape {
  readonly connections: number;
  readonly streams: number;
  readonly put: number;
  readonly range: number;
}

const SHAPES: readonly Shape[] = [
  { connections: 1, streams: 1, put: 1.2, range: 1 },
  { connections: 10, streams: 10, put: 2, range: 1 },
  { connections: 10, streams: 100, put: 4, range: 4 },
  { connections: 100, streams: 1, put: 1.7, range: 2 },
  { connections: 1000, streams: 1, put: 2, range: 1 },
];

function shaped(
  generator: GeneratorName,
  operation: OperationName,
  atLeast: (shape: Shape) => number,
): Row[] {
  return SHAPES.map((shape) => ({
    operation,
    connections: shape.connections,
    streams: shape.streams,
    generator,
    atLeast: atLeast(shape),
  }));
}

function single(operation: OperationName, connections: number, streams: number, atLeast: number): Row {
  return { operation, connections, streams, generator: "native", atLeast };
}

/** As Kubernetes speaks to its stores, and the same without client certificates. */
function overTls(transport: Transport): Row[] {
  const rows = [
    single("put", 1, 1, 1.4),
    single("put", 10, 100, 10),
    single("put", 100, 1, 2.9),
    single("range", 1, 1, 3),
    single("range", 10, 100, 14),
    single("range", 100, 1, 4),
    single("connect", 10, 1, 1),
    // Who must show a certificate shows it each time.
    ...(transport === "tls" ? [single("connect-resumed", 10, 1, 1)] : []),
    single("idle", 1_000, 1, 0),
  ];
  return rows.map((row) => ({ ...row, transport }));
}

/** To be compared with puts of nobody in the same shapes. */
const AS_USER = [
  [10, 100],
  [100, 1],
] as const;

/** Every row, the ones that decide first; the last ones show that no client is slower than with etcd. */
export const ROWS: readonly Row[] = [
  ...shaped("native", "put", ({ put }) => put),
  ...shaped("native", "range", ({ range }) => range),
  ...shaped("native", "range-serializable", ({ range }) => range),
  single("range-100", 10, 1, 1),
  single("range-10000", 4, 1, 2),
  ...AS_USER.map(([connections, streams]) => single("put-as-user", connections, streams, 1)),
  single("txn", 10, 10, 1),
  single("txn", 10, 100, 1),
  single("watch", 10, 100, 3),
  single("watch-latency", 10, 100, 1),
  single("lease-grant", 10, 10, 1),
  single("keepalive", 10, 10, 1),
  ...overTls("tls"),
  ...overTls("mtls"),
  ...shaped("h2load", "put", ({ put }) => put),
  ...shaped("h2load", "range", ({ range }) => range),
  ...(["go", "quorate"] as const).flatMap((generator) => [
    ...shaped(generator, "put", () => 1),
    ...shaped(generator, "range", () => 1),
  ]),
];

function inCluster(
  place: Place,
  operation: OperationName,
  connections: number,
  streams: number,
  atLeast: number,
): Row {
  return { operation, connections, streams, generator: "native", place, atLeast };
}

/** What clusters of several members are measured by. */
export const CLUSTER_ROWS: readonly Row[] = [
  inCluster("leader", "put", 1, 1, 1),
  inCluster("leader", "put", 10, 100, 3),
  inCluster("leader", "put", 100, 1, 2),
  inCluster("leader", "put", 1000, 1, 2),
  inCluster("leader", "range", 10, 100, 3),
  inCluster("all", "range", 10, 100, 3),
  inCluster("follower", "put", 10, 100, 2),
  inCluster("follower", "range", 10, 100, 2),
];

export function rowName(row: Row): string {
  const place = row.place === undefined ? "" : ` ${row.place}`;
  const transport = row.transport === undefined ? "" : ` ${row.transport}`;
  return `${row.generator} ${row.operation} ${row.connections}x${row.streams}${place}${transport}`;
}

/** Rows whose name contains one of the comma-separated parts; all words of a part must occur. */
export function selectRows(rows: readonly Row[], filter: string | undefined): readonly Row[] {
  if (filter === undefined) return rows;
  const parts = filter.split(",").map((part) => part.trim().split(/\s+/));
  return rows.filter((row) => {
    const words = rowName(row).split(" ");
    return parts.some((part) => part.every((word) => words.includes(word)));
  });
}
