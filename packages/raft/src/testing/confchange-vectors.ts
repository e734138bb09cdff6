import { type ChangeResult, Changer } from "../confchange/changer.ts";
import { RaftError } from "../errors.ts";
import { confChangesFromString } from "../format/describe.ts";
import { NO_LIMIT } from "../size.ts";
import { describeProgressMap } from "../tracker/progress.ts";
import { ProgressTracker } from "../tracker/tracker.ts";
import { describeConfig } from "../tracker/tracker-config.ts";
import type { ConfChangeSingle } from "../types.ts";
import { type Directive, type DirectiveHandler, scanBool, valuesOf } from "./datadriven.ts";

/** A handler for the commands of one confchange file: `simple`, `enter-joint`, `leave-joint`. */
export function confChangeHandler(): DirectiveHandler {
  const tracker = new ProgressTracker(10, NO_LIMIT);
  // Counts the directives, so that the progress of a member shows in which one it was added.
  let lastIndex = 0;
  return (directive) => {
    const changer = new Changer(tracker, lastIndex++);
    let changes: ConfChangeSingle[];
    try {
      changes = confChangesFromString(directive.input);
    } catch (error) {
      if (error instanceof RaftError) return error.message;
      throw error;
    }
    try {
      const result = change(changer, directive, changes);
      if (result === undefined) return "unknown command";
      tracker.replace(result.config, result.progress);
      return `${describeConfig(tracker.config)}\n${describeProgressMap(tracker.ordered)}`;
    } catch (error) {
      if (error instanceof RaftError) return `${error.message}\n`;
      throw error;
    }
  };
}

function change(
  changer: Changer,
  directive: Directive,
  changes: readonly ConfChangeSingle[],
): ChangeResult | undefined {
  switch (directive.command) {
    case "simple":
      return changer.simple(changes);
    case "enter-joint": {
      const autoLeave = valuesOf(directive, "autoleave")?.[0];
      return changer.enterJoint(autoLeave !== undefined && scanBool(directive, autoLeave), changes);
    }
    case "leave-joint":
      if (changes.length > 0) throw new RaftError("INVALID_CONF_CHANGE", "this command takes no input");
      return changer.leaveJoint();
    default:
      return undefined;
  }
}
