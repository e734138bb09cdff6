import type { Histogram, PeerCounts, PeerMetrics } from "../peer/metrics.ts";

type Kind = "counter" | "gauge" | "histogram";

interface Family {
  readonly name: string;
  readonly kind: Kind;
  readonly help: string;
  /** Its label for the other member: who it is, or both ends. */
  readonly labels: (peer: string, local: string) => string;
  readonly value: (counts: PeerCounts) => number | Histogram;
}

const to = (peer: string) => `To="${peer}"`;
const from = (peer: string) => `From="${peer}"`;
const both = (peer: string, local: string) => `Local="${local}",Remote="${peer}"`;

const family = (
  name: string,
  kind: Kind,
  help: string,
  labels: Family["labels"],
  value: Family["value"],
): Family => ({ name: `etcd_network_${name}`, kind, help, labels, value });

const FAMILIES: readonly Family[] = [
  family("peer_sent_bytes_total", "counter", "Bytes sent to peers.", to, (c) => c.sentBytes),
  family("peer_received_bytes_total", "counter", "Bytes received from peers.", from, (c) => c.receivedBytes),
  family(
    "peer_sent_failures_total",
    "counter",
    "Messages to peers that were lost.",
    to,
    (c) => c.sentFailures,
  ),
  family(
    "peer_received_failures_total",
    "counter",
    "Messages of peers that were dropped.",
    from,
    (c) => c.receivedFailures,
  ),
  family(
    "peer_round_trip_time_seconds",
    "histogram",
    "Round trip times to peers.",
    to,
    (c) => c.roundTripSeconds,
  ),
  family("active_peers", "gauge", "Peers that can be reached.", both, (c) => c.active),
  family("known_peers", "gauge", "Peers that are known.", both, (c) => c.known),
  family("disconnected_peers_total", "counter", "Peers that were lost.", both, (c) => c.disconnects),
  family("snapshot_send_success", "counter", "Snapshots sent.", to, (c) => c.snapshotsSent.successes),
  family("snapshot_send_failures", "counter", "Snapshots not sent.", to, (c) => c.snapshotsSent.failures),
  family(
    "snapshot_send_inflights_total",
    "gauge",
    "Snapshots being sent.",
    to,
    (c) => c.snapshotsSent.inflight,
  ),
  family(
    "snapshot_send_total_duration_seconds",
    "histogram",
    "Times to send a snapshot.",
    to,
    (c) => c.snapshotsSent.seconds,
  ),
  family(
    "snapshot_receive_success",
    "counter",
    "Snapshots received.",
    from,
    (c) => c.snapshotsReceived.successes,
  ),
  family(
    "snapshot_receive_failures",
    "counter",
    "Snapshots not received.",
    from,
    (c) => c.snapshotsReceived.failures,
  ),
  family(
    "snapshot_receive_inflights_total",
    "gauge",
    "Snapshots being received.",
    from,
    (c) => c.snapshotsReceived.inflight,
  ),
  family(
    "snapshot_receive_total_duration_seconds",
    "histogram",
    "Times to receive a snapshot.",
    from,
    (c) => c.snapshotsReceived.seconds,
  ),
];

/** What passed between this member (`local`: its ID in hex) and the others, in Prometheus's text format. */
export function peerExposition(local: string, metrics: PeerMetrics): string {
  const lines: string[] = [];
  for (const { name, kind, help, labels, value } of FAMILIES) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
    for (const [peer, counts] of metrics.peers) {
      const current = value(counts);
      const label = labels(peer, local);
      if (typeof current === "number") lines.push(`${name}{${label}} ${current}`);
      else lines.push(...histogramLines(name, label, current));
    }
  }
  return `${lines.join("\n")}\n`;
}

function histogramLines(name: string, label: string, { bounds, counts, count, sum }: Histogram): string[] {
  let below = 0;
  const lines = bounds.map((bound, i) => {
    below += counts[i]!;
    return `${name}_bucket{${label},le="${bound}"} ${below}`;
  });
  lines.push(`${name}_bucket{${label},le="+Inf"} ${count}`);
  lines.push(`${name}_sum{${label}} ${sum}`, `${name}_count{${label}} ${count}`);
  return lines;
}
