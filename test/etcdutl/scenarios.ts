/** Command lines one after another, in a folder that begins with `snap.db`, `plain.db` and `data`, and for one of 3.6 `old`. */
export interface Scenario {
  readonly name: string;
  readonly lines: readonly string[];
  /** Directories that the lines have made or changed, and that have to be the same then. */
  readonly directories?: readonly string[];
  /** Of these, one that a cluster of one member can be started on. */
  readonly startable?: string;
}

const CLUSTER = "a=http://localhost:1,b=http://localhost:2,c=http://localhost:3";
const MEMBER_B = `--name b --initial-cluster ${CLUSTER} --initial-advertise-peer-urls http://localhost:2`;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "the command line",
    lines: [
      ...[
        "",
        "bogus",
        "defragg",
        "--bogus",
        "-h",
        "--help",
        "help",
        "help snapshot status",
        "version",
        "version x",
      ],
      ...[
        "ver",
        "snap",
        "snapshot bogus",
        "snapshot",
        "snapshot statu",
        "snapshot status",
        "snapshot restore",
      ],
      ...[
        "hashkv",
        "hashkv a b",
        "hashkv a --rev y",
        "hashkv a --rev",
        "defrag",
        "defrag --data-dir",
        "migrate",
      ],
      ...[
        "migrate --data-dir x",
        "migrate --target-version 3.6",
        "completion",
        "completion tcsh",
        "version --timeout x",
      ],
      ...["-w json", "-x", "version -w", "hashkv -w yaml", "snapshot status -w yaml"],
    ],
  },
  {
    name: "what is not there",
    lines: [
      ...["snapshot status nope", "snapshot status nope -w yaml", "hashkv nope", "hashkv nope -w yaml"],
      ...["snapshot restore nope", "snapshot restore nope --data-dir a/b/c", "defrag --data-dir nope"],
      ...[
        "migrate --data-dir nope --target-version 3.6",
        "snapshot restore data",
        "snapshot restore data --data-dir x",
      ],
    ],
  },
  {
    name: "snapshot status",
    lines: [
      ...["snap.db", "snap.db -w simple", "snap.db -w json", "snap.db -w fields", "snap.db -w table"],
      ...[
        "snap.db -w protobuf",
        "snap.db -w yaml",
        "snap.db --write-out=json",
        "plain.db",
        "plain.db -w json",
      ],
      ...["data/member/snap/db", "old/member/snap/db -w json", "--timeout=1s snap.db"],
    ].map((rest) => `snapshot status ${rest}`),
  },
  {
    name: "hashkv",
    lines: [
      ...["plain.db", "plain.db -w json", "plain.db -w fields", "plain.db -w table", "plain.db -w protobuf"],
      ...[
        "plain.db --rev 1",
        "plain.db --rev 700",
        "plain.db --rev 701",
        "plain.db --rev 702",
        "plain.db --rev 900",
      ],
      ...[
        "plain.db --rev=-3",
        "plain.db --rev 100000000",
        "data/member/snap/db",
        "old/member/snap/db",
        "plain.db -w yaml",
      ],
    ].map((rest) => `hashkv ${rest}`),
  },
  {
    name: "restore of a member alone",
    lines: ["snapshot restore snap.db", "snapshot restore snap.db"],
    directories: ["default.etcd"],
    startable: "default.etcd",
  },
  {
    name: "restore of a member among others whose log is elsewhere",
    lines: [
      `snapshot restore snap.db --data-dir r --wal-dir w/al --initial-cluster-token t ${MEMBER_B}`,
      `snapshot restore snap.db --data-dir s --wal-dir w/al`,
    ],
    directories: ["r", "w"],
  },
  {
    name: "restore with a bumped revision",
    lines: [
      "snapshot restore snap.db --data-dir r --bump-revision 1000",
      "snapshot restore snap.db --data-dir r --mark-compacted",
      "snapshot restore snap.db --data-dir r --bump-revision 1000 --mark-compacted",
    ],
    directories: ["r"],
    startable: "r",
  },
  {
    name: "restore of a database without its sum",
    lines: [
      "snapshot restore plain.db --data-dir other",
      "snapshot restore plain.db --data-dir r --skip-hash-check",
    ],
    directories: ["r"],
    startable: "r",
  },
  {
    name: "restore of a database of 3.6",
    lines: ["snapshot restore old/member/snap/db --data-dir r --skip-hash-check"],
    directories: ["r"],
    startable: "r",
  },
  {
    name: "clusters that cannot be",
    lines: [
      ...[
        "--name x",
        "--initial-cluster default=http://a",
        "--initial-cluster a=http://localhost:2380",
        "--initial-cluster=",
      ],
      ...[
        "--initial-advertise-peer-urls ftp://a:1",
        "--initial-advertise-peer-urls=",
        "--initial-cluster default",
      ],
      ...[
        "--initial-advertise-peer-urls http://localhost:1",
        "--initial-advertise-peer-urls http://localhost:2380/x",
      ],
      "--initial-cluster default=http://localhost:2380,b=http://localhost:2380",
      "--initial-advertise-peer-urls http://localhost:2380,http://localhost:2381",
      ...[
        "--wal-dir data",
        "--data-dir data",
        "--data-dir snap.db",
        "--bump-revision -1",
        "--bump-revision x",
      ],
    ].map((rest) => `snapshot restore snap.db ${rest}`),
  },
  {
    name: "defrag",
    lines: ["defrag --data-dir data", "defrag --data-dir=data/", "defrag --data-dir old --timeout 5s"],
    directories: ["data", "old"],
  },
  {
    name: "migrate",
    lines: [
      ...["abc", "3", "3.6.0", "3.a", "3.", ".6", "3.4", "2.9", "3.6-rc", "3.8", "4.0"],
      ...["3.7", "3.6", "3.6", "3.5", "3.5", "3.7", "3.8 --force", "3.7", "3.5 --force", "3.6"],
    ].map((rest) => `migrate --data-dir data --target-version ${rest}`),
    directories: ["data"],
  },
  {
    name: "migrate of a member of 3.6",
    lines: ["3.6", "3.7", "3.6", "3.5"].map((target) => `migrate --data-dir old --target-version ${target}`),
    directories: ["old"],
  },
];
