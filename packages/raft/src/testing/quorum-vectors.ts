import { describeAckedIndexes, describeIndex } from "../quorum/describe.ts";
import { JointQuorum } from "../quorum/joint.ts";
import { Majority } from "../quorum/majority.ts";
import { VOTE_RESULT_NAMES, type VoteResult } from "../quorum/vote-result.ts";
import type { NodeId } from "../types.ts";
import { DataDrivenError, type Directive, scanInt, scanUint } from "./datadriven.ts";

/** What a directive says: two halves of voters, and a value or nothing (0) for each voter. */
interface QuorumCase {
  readonly incoming: NodeId[];
  readonly outgoing: NodeId[];
  readonly isJoint: boolean;
  readonly indexes: number[];
  readonly votes: number[];
}

const NO_VOTE = 0;
const AGAINST = 1;
const FOR = 2;
const VOTE_LETTERS: ReadonlyMap<string, number> = new Map([
  ["_", NO_VOTE],
  ["n", AGAINST],
  ["y", FOR],
]);

/** The commands of the quorum files: `committed` and `vote`. */
export function handleQuorumDirective(directive: Directive): string {
  const parsed = parse(directive);
  const { incoming, outgoing, indexes, votes } = parsed;
  const joint = new JointQuorum(new Majority(incoming), new Majority(outgoing));
  const given = directive.command === "vote" ? votes : indexes;
  if (joint.ids.length !== given.length) {
    const voters = joint.ids.map((id) => `${id}:{}`).join(" ");
    const values = given.map((value) => describeIndex(value)).join(" ");
    return `error: mismatched input (explicit or _) for voters map[${voters}]: [${values}]`;
  }
  const byVoter = assign([...incoming, ...outgoing], given);
  if (directive.command === "committed") return committed(parsed, joint, byVoter);
  if (directive.command === "vote") return vote(parsed, joint, byVoter);
  throw new DataDrivenError(directive.position, `unknown command: ${directive.command}`);
}

function parse(directive: Directive): QuorumCase {
  const result: QuorumCase = { incoming: [], outgoing: [], isJoint: false, indexes: [], votes: [] };
  let isJoint = false;
  for (const { key, values } of directive.args) {
    for (const value of values) {
      if (key === "cfg") {
        result.incoming.push(scanUint(directive, value));
      } else if (key === "cfgj") {
        isJoint = true;
        if (value !== "zero") result.outgoing.push(scanUint(directive, value));
        else if (values.length > 1) {
          throw new DataDrivenError(directive.position, "cannot mix 'zero' into configuration");
        }
      } else if (key === "idx") {
        const index = value === "_" ? 0 : scanInt(directive, value);
        if (value !== "_" && index === 0) {
          throw new DataDrivenError(directive.position, "cannot use 0 as idx");
        }
        result.indexes.push(index);
      } else if (key === "votes") {
        const parsed = VOTE_LETTERS.get(value);
        if (parsed === undefined) throw new DataDrivenError(directive.position, `unknown vote: ${value}`);
        result.votes.push(parsed);
      } else {
        throw new DataDrivenError(directive.position, `unknown arg ${key}`);
      }
    }
  }
  return { ...result, isJoint };
}

/** Values belong to voters in the order these are first named; 0 is no information. */
function assign(ids: readonly NodeId[], values: readonly number[]): Map<NodeId, number> {
  const distinct = [...new Set(ids)];
  const entries = distinct.map((id, i): [NodeId, number] => [id, values[i] ?? 0]);
  return new Map(entries.filter(([, value]) => value !== 0));
}

const lookup = (acked: ReadonlyMap<NodeId, number>) => ({ ackedIndex: (id: NodeId) => acked.get(id) ?? 0 });

/** The table and the result; and any other way to compute it that comes to another result. */
function committed({ isJoint }: QuorumCase, joint: JointQuorum, acked: ReadonlyMap<NodeId, number>): string {
  const { incoming, outgoing } = joint;
  const table = describeAckedIndexes(joint.ids, acked);
  const index = joint.committedIndex(lookup(acked));
  const disagreements: string[] = [];
  const check = (other: number, how: string) => {
    if (other !== index) disagreements.push(`${describeIndex(other)} <-- ${how}`);
  };
  if (isJoint) {
    check(new JointQuorum(outgoing, incoming).committedIndex(lookup(acked)), "via symmetry\n");
  } else {
    check(committedByCounting(incoming, acked), "via alternative computation\n");
    check(new JointQuorum(incoming, Majority.EMPTY).committedIndex(lookup(acked)), "via zero-joint quorum\n");
    check(new JointQuorum(incoming, incoming).committedIndex(lookup(acked)), "via self-joint quorum\n");
    for (const id of incoming.ids) {
      const own = acked.get(id) ?? 0;
      if (own === 0 || index <= own) continue;
      // Who is behind already may be further behind without any effect.
      for (const [lower, name] of [
        [own - 1, own],
        [0, 0],
      ] as const) {
        check(incoming.committedIndex(lookup(new Map(acked).set(id, lower))), `overlaying ${id}->${name}`);
      }
    }
  }
  return `${table}${disagreements.join("")}${describeIndex(index)}\n`;
}

/** The definition: the largest index that enough voters have reached. */
export function committedByCounting(voters: Majority, acked: ReadonlyMap<NodeId, number>): number {
  if (voters.size === 0) return Number.POSITIVE_INFINITY;
  const indexes = voters.ids.map((id) => acked.get(id) ?? 0);
  const reached = indexes.filter(
    (index) => indexes.filter((other) => other >= index).length * 2 > voters.size,
  );
  return Math.max(0, ...reached);
}

function vote({ isJoint }: QuorumCase, joint: JointQuorum, byVoter: ReadonlyMap<NodeId, number>): string {
  const votes = {
    vote: (id: NodeId) => {
      const value = byVoter.get(id);
      return value === undefined ? undefined : value === FOR;
    },
  };
  const result = joint.voteResult(votes);
  const mirrored: VoteResult = isJoint
    ? new JointQuorum(joint.outgoing, joint.incoming).voteResult(votes)
    : result;
  const note = mirrored === result ? "" : `${VOTE_RESULT_NAMES[mirrored]} <-- via symmetry\n`;
  return `${note}${VOTE_RESULT_NAMES[result]}\n`;
}
