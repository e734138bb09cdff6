import type { ApiContext } from "../api/context.ts";
import type { Services } from "../api/services.ts";
import { formatId } from "../cluster/ids.ts";
import type { PeerCounts, PeerMetrics } from "../peer/metrics.ts";
import { counter, type Family, gauge, histogram, type Labels, type Sample } from "./family.ts";

/** What passed between this member, its clients and the others. */
export function networkFamilies(
  context: ApiContext,
  peers: PeerMetrics,
  services: () => Services | undefined,
): Family[] {
  const local = formatId(context.membership.localId);
  return [...clientFamilies(context, services), ...peerFamilies(local, peers)];
}

function clientFamilies(context: ApiContext, services: () => Services | undefined): Family[] {
  const sumOf = (count: "sentBytes" | "receivedBytes") => {
    let sum = 0;
    for (const stats of services()?.counts.methods.values() ?? []) sum += stats[count];
    return sum;
  };
  return [
    counter("etcd_network_client_grpc_sent_bytes_total", "Bytes of messages to clients.", () =>
      sumOf("sentBytes"),
    ),
    counter("etcd_network_client_grpc_received_bytes_total", "Bytes of messages of clients.", () =>
      sumOf("receivedBytes"),
    ),
    counter(
      "etcd_network_server_stream_failures_total",
      "Streams that failed for what their clients sent.",
      () =>
        (["watch", "lease-keepalive"] as const)
          .map((API) => ({ labels: { API, Type: "receive" }, value: context.measures.streamFailures[API] }))
          .filter(({ value }) => value > 0),
    ),
  ];
}

type Ends = (peer: string) => Labels;
const to: Ends = (To) => ({ To });
const from: Ends = (From) => ({ From });

function peerFamilies(local: string, metrics: PeerMetrics): Family[] {
  const both: Ends = (Remote) => ({ Local: local, Remote });
  const each = (ends: Ends, pick: (counts: PeerCounts) => Sample["value"]) => (): Sample[] =>
    [...metrics.peers].map(([peer, counts]) => ({ labels: ends(peer), value: pick(counts) }));
  const counts = (ends: Ends, pick: (counts: PeerCounts) => number) => each(ends, pick);
  return [
    counter(
      "etcd_network_peer_sent_bytes_total",
      "Bytes sent to peers.",
      counts(to, (c) => c.sentBytes),
    ),
    counter(
      "etcd_network_peer_received_bytes_total",
      "Bytes received from peers.",
      counts(from, (c) => c.receivedBytes),
    ),
    counter(
      "etcd_network_peer_sent_failures_total",
      "Messages to peers that were lost.",
      counts(to, (c) => c.sentFailures),
    ),
    counter(
      "etcd_network_peer_received_failures_total",
      "Messages of peers that were dropped.",
      counts(from, (c) => c.receivedFailures),
    ),
    histogram(
      "etcd_network_peer_round_trip_time_seconds",
      "Round trip times to peers.",
      each(to, (c) => c.roundTripSeconds),
    ),
    gauge(
      "etcd_network_active_peers",
      "Peers that can be reached.",
      counts(both, (c) => c.active),
    ),
    // A member knows itself.
    gauge("etcd_network_known_peers", "Peers that are known.", () => [
      { labels: both(local), value: 1 },
      ...counts(both, (c) => c.known)(),
    ]),
    counter(
      "etcd_network_disconnected_peers_total",
      "Peers that were lost.",
      counts(both, (c) => c.disconnects),
    ),
    ...transferFamilies("send", "sent", to, (c) => c.snapshotsSent, each),
    ...transferFamilies("receive", "received", from, (c) => c.snapshotsReceived, each),
  ];
}

function transferFamilies(
  verb: string,
  done: string,
  ends: Ends,
  transfers: (counts: PeerCounts) => PeerCounts["snapshotsSent"],
  each: (ends: Ends, pick: (counts: PeerCounts) => Sample["value"]) => () => Sample[],
): Family[] {
  const name = `etcd_network_snapshot_${verb}`;
  const counts = (pick: (transfer: PeerCounts["snapshotsSent"]) => number) => () =>
    each(ends, (c) => pick(transfers(c)))() as Iterable<Sample>;
  return [
    counter(
      `${name}_success`,
      `Snapshots ${done}.`,
      counts((t) => t.successes),
    ),
    counter(
      `${name}_failures`,
      `Snapshots not ${done}.`,
      counts((t) => t.failures),
    ),
    gauge(
      `${name}_inflights_total`,
      `Snapshots being ${done}.`,
      counts((t) => t.inflight),
    ),
    histogram(
      `${name}_total_duration_seconds`,
      `Times until a snapshot was ${done}.`,
      each(ends, (c) => transfers(c).seconds),
    ),
  ];
}
