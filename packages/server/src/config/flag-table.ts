import { CLUSTERING_FLAGS } from "./clustering-flags.ts";
import { type FlagDefinition, type FlagSection, flag } from "./flag-definition.ts";
import { MEMBER_FLAGS } from "./member-flags.ts";
import { OBSERVABILITY_FLAGS } from "./observability-flags.ts";
import { OWN_SECTION } from "./own-flags.ts";
import { SECURITY_FLAGS } from "./security-flags.ts";

/** Every flag of etcd 3.7, in the order of its help text, and then our own. Flags, variables, files and what is told of them come from here. */
export const FLAG_SECTIONS: readonly FlagSection[] = [
  { title: "Member", flags: MEMBER_FLAGS },
  { title: "Clustering", flags: CLUSTERING_FLAGS },
  { title: "Security", flags: SECURITY_FLAGS },
  { title: "Observability", flags: OBSERVABILITY_FLAGS },
  {
    title: "Features and unsafe",
    flags: [
      flag("corrupt-check-time", "duration", "0", "Period of the corruption check among members (0 is off)."),
      flag(
        "compact-hash-check-time",
        "duration",
        "1m",
        "Period of the check of compaction hashes (with feature gate CompactHashCheck).",
      ),
      flag("compaction-batch-limit", "int", "0", "Revisions deleted per compaction batch (0 means 1000)."),
      flag("compaction-sleep-interval", "duration", "0", "Pause between compaction batches (0 means 10ms)."),
      flag(
        "watch-progress-notify-interval",
        "duration",
        "0",
        "Interval of periodic watch progress (0 means 10m).",
      ),
      flag("downgrade-check-time", "duration", "5s", "Period of the downgrade check (0 disables)."),
      flag(
        "bootstrap-defrag-threshold-megabytes",
        "uint",
        "0",
        "Defragment at start when this much would be freed.",
      ),
      flag("max-learners", "int", "1", "Learners allowed in the cluster; equal on all members."),
      flag("unsafe-no-fsync", "bool", "false", "Disable fsync. Unsafe: acknowledged writes can be lost."),
      flag("force-new-cluster", "bool", "false", "Start a one-member cluster from existing data."),
    ],
  },
  OWN_SECTION,
];

export const FLAGS: ReadonlyMap<string, FlagDefinition> = new Map(
  FLAG_SECTIONS.flatMap((section) => section.flags.map((definition) => [definition.name, definition])),
);

/** Accepted and ignored, as booleans without an argument: flags of releases long gone. */
export const IGNORED_FLAGS: ReadonlySet<string> = new Set(
  (
    "cluster-active-size cluster-remove-delay cluster-sync-interval config force max-result-buffer " +
    "max-retry-attempts peer-heartbeat-interval peer-election-timeout retry-interval snapshot v vv " +
    "test.coverprofile test.outputdir"
  ).split(" "),
);
