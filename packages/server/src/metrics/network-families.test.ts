import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApiContext } from "../api/context.ts";
import { PeerMetrics } from "../peer/metrics.ts";
import { expositionText } from "./exposition-text.ts";
import { networkFamilies } from "./network-families.ts";

const context = {
  membership: { localId: 0xbn },
  measures: { streamFailures: { watch: 2, "lease-keepalive": 0 } },
} as unknown as ApiContext;

test("every count of a link is published under etcd's name, with the members at its ends", () => {
  const metrics = new PeerMetrics();
  const counts = metrics.of(0x2an);
  counts.sentBytes = 7;
  counts.active = 1;
  counts.roundTripSeconds.observe(0.0003);
  counts.snapshotsReceived.successes = 2;
  const lines = expositionText(networkFamilies(context, metrics, () => undefined)).split("\n");
  for (const line of [
    "# TYPE etcd_network_peer_sent_bytes_total counter",
    'etcd_network_peer_sent_bytes_total{To="2a"} 7',
    'etcd_network_active_peers{Local="b",Remote="2a"} 1',
    'etcd_network_known_peers{Local="b",Remote="b"} 1',
    'etcd_network_peer_round_trip_time_seconds_bucket{To="2a",le="0.0002"} 0',
    'etcd_network_peer_round_trip_time_seconds_bucket{To="2a",le="0.0004"} 1',
    'etcd_network_peer_round_trip_time_seconds_bucket{To="2a",le="+Inf"} 1',
    'etcd_network_peer_round_trip_time_seconds_count{To="2a"} 1',
    'etcd_network_snapshot_receive_success{From="2a"} 2',
    'etcd_network_server_stream_failures_total{API="watch",Type="receive"} 2',
  ]) {
    assert.ok(lines.includes(line), line);
  }
});

test("of links there is nothing as long as there are none", () => {
  const text = expositionText(networkFamilies(context, new PeerMetrics(), () => undefined));
  assert.doesNotMatch(text, /etcd_network_peer_|etcd_network_snapshot_|etcd_network_active_peers/);
});
