import type { NodeId } from "@quorate/raft";
import { exponentialBounds, Histogram } from "@quorate/storage/histogram";
import { formatId } from "../cluster/ids.ts";

/** Transfers of databases with one member, in one direction. */
class TransferCounts {
  /** etcd_network_snapshot_send_success, etcd_network_snapshot_receive_success */
  successes = 0;
  /** etcd_network_snapshot_send_failures, etcd_network_snapshot_receive_failures */
  failures = 0;
  /** etcd_network_snapshot_send_inflights_total, etcd_network_snapshot_receive_inflights_total */
  inflight = 0;
  /** etcd_network_snapshot_send_total_duration_seconds, etcd_network_snapshot_receive_total_duration_seconds */
  readonly seconds = new Histogram(exponentialBounds(0.1, 2, 10));
}

/** What passed between this member and another one. */
export class PeerCounts {
  /** etcd_network_peer_sent_bytes_total{To} */
  sentBytes = 0;
  /** etcd_network_peer_received_bytes_total{From} */
  receivedBytes = 0;
  /** etcd_network_peer_sent_failures_total{To} */
  sentFailures = 0;
  /** etcd_network_peer_received_failures_total{From} */
  receivedFailures = 0;
  /** etcd_network_active_peers{Local,Remote}: 0 or 1 */
  active = 0;
  /** etcd_network_known_peers{Local,Remote}: 0 or 1 */
  known = 0;
  /** etcd_network_disconnected_peers_total{Local,Remote} */
  disconnects = 0;
  /** etcd_network_peer_round_trip_time_seconds{To} */
  readonly roundTripSeconds = new Histogram(exponentialBounds(0.0001, 2, 16));
  readonly snapshotsSent = new TransferCounts();
  readonly snapshotsReceived = new TransferCounts();
}

/** Other members whose counts are kept: more than any cluster has, and a bound on what strangers can cause. */
const MAX_PEERS = 1024;

/** Plain counts of all links, for whoever publishes them. */
export class PeerMetrics {
  /** By member ID in hex, as labels have it. */
  readonly peers = new Map<string, PeerCounts>();
  /** Of snapshots that failed before it was known whose they are: From="UNKNOWN_SNAPSHOT_SENDER". */
  unknownSnapshotFailures = 0;

  of(id: NodeId): PeerCounts {
    const name = formatId(id);
    let counts = this.peers.get(name);
    if (counts === undefined) {
      counts = new PeerCounts();
      if (this.peers.size < MAX_PEERS) this.peers.set(name, counts);
    }
    return counts;
  }
}
