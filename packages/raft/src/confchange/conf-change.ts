import { type ConfChange, ConfChangeTransition, ConfChangeType, type ConfChangeV2 } from "../types.ts";

/** Either version of a configuration change. */
export type AnyConfChange = ConfChange | ConfChangeV2;

export function isConfChangeV2(change: AnyConfChange): change is ConfChangeV2 {
  return "changes" in change;
}

/** The first version as a special case of the second. */
export function asV2(change: AnyConfChange): ConfChangeV2 {
  if (isConfChangeV2(change)) return change;
  const { type, nodeId, context } = change;
  return { changes: [{ type, nodeId }], ...(context === undefined ? {} : { context }) };
}

/** How a change is made. */
export type ChangeKind = "simple" | "enter-joint" | "enter-joint-autoleave" | "leave-joint";

export function changeKind({ transition, changes }: ConfChangeV2): ChangeKind {
  const { ConfChangeTransitionAuto, ConfChangeTransitionJointExplicit } = ConfChangeTransition;
  const isAuto = (transition ?? ConfChangeTransitionAuto) === ConfChangeTransitionAuto;
  if (isAuto && changes.length === 0) return "leave-joint";
  if (isAuto && changes.length === 1) return "simple";
  return transition === ConfChangeTransitionJointExplicit ? "enter-joint" : "enter-joint-autoleave";
}

const TYPE_NAMES: Readonly<Record<ConfChangeType, string>> = {
  [ConfChangeType.ConfChangeAddNode]: "ConfChangeAddNode",
  [ConfChangeType.ConfChangeRemoveNode]: "ConfChangeRemoveNode",
  [ConfChangeType.ConfChangeUpdateNode]: "ConfChangeUpdateNode",
  [ConfChangeType.ConfChangeAddLearnerNode]: "ConfChangeAddLearnerNode",
};

const TRANSITION_NAMES: Readonly<Record<ConfChangeTransition, string>> = {
  [ConfChangeTransition.ConfChangeTransitionAuto]: "ConfChangeTransitionAuto",
  [ConfChangeTransition.ConfChangeTransitionJointImplicit]: "ConfChangeTransitionJointImplicit",
  [ConfChangeTransition.ConfChangeTransitionJointExplicit]: "ConfChangeTransitionJointExplicit",
};

export function confChangeTypeName(type: ConfChangeType): string {
  return TYPE_NAMES[type] ?? String(type);
}

export function transitionName(transition: ConfChangeTransition | undefined): string {
  const known = transition ?? ConfChangeTransition.ConfChangeTransitionAuto;
  return TRANSITION_NAMES[known] ?? String(known);
}
