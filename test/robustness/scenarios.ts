/** The scenarios of etcd's robustness suite, as release 3.7.3 has them. */
import { matchesPattern, readTables } from "../etcd-tests/left-out.ts";

export interface RobustnessScenario {
  readonly name: string;
  readonly members: 1 | 3;
  /** What Go's test programs take as `-test.run`. */
  readonly pattern: string;
  /** The settings of the cluster and the failpoint are drawn anew in each run. */
  readonly exploratory: boolean;
}

const TRAFFICS = [
  "EtcdHighTraffic",
  "EtcdTrafficDeleteLeases",
  "KubernetesHighTraffic",
  "KubernetesLowTraffic",
] as const;

/** Each is a fault that an etcd release had, called by the number of its report. */
const REGRESSIONS: readonly (readonly [name: string, members: 1 | 3])[] = [
  ["Issue13766", 3],
  ["Issue14370", 1],
  ["Issue14685", 1],
  ["Issue15220", 1],
  ["Issue15271", 3],
  ["Issue17529", 1],
  ["Issue17780", 1],
  ["Issue18089", 1],
  ["Issue19179", 1],
  ["Issue20221", 3],
];

export const SCENARIOS: readonly RobustnessScenario[] = [
  ...([1, 3] as const).flatMap((members) =>
    TRAFFICS.map((traffic) => ({
      name: `${traffic}/${members}`,
      members,
      pattern: `^TestRobustnessExploratory$/^${traffic}$/^ClusterOfSize${members}$`,
      exploratory: true,
    })),
  ),
  ...REGRESSIONS.map(([name, members]) => ({
    name,
    members,
    pattern: `^TestRobustnessRegression$/^${name}$`,
    exploratory: false,
  })),
];

/** A failpoint that the exploratory scenarios do not draw. */
export interface LeftOut {
  readonly failpoint: string;
  /** Names of scenarios; `*` stands for anything. */
  readonly scenarios: string;
  readonly why: string;
}

/** Reads the tables `| failpoint | scenarios | why |` of a document. */
export function readLeftOut(document: string): LeftOut[] {
  return readTables(document, ["failpoint", "scenarios", "why"]);
}

/** The failpoints that are left out of a scenario. */
export function leftOutOf({ name }: RobustnessScenario, all: readonly LeftOut[]): string[] {
  return all.filter(({ scenarios }) => matchesPattern(name, scenarios)).map(({ failpoint }) => failpoint);
}
