/**
 * What kind of violation this is: its text without what differs from run to run. That are numbers, names with numbers in
 * them, remarks in parentheses, all lines but the first, and what the violation is of, which comes behind the first colon;
 * but not the error of a member that failed, which comes there, too.
 */
export function violatedRule(violation: string): string {
  return violationHead(violation)
    .replace(/\([^)]*\)/g, "")
    .replace(/[\w.-]*\d[\w.-]*/g, "#")
    .replace(/#(?:, ?#)+/g, "#")
    .replace(/ +/g, " ")
    .trim();
}

/** What is wrong, without what it is wrong with. */
export function violationHead(violation: string): string {
  const [line = ""] = violation.split("\n");
  const [head = ""] = line.split(": ");
  return / failed$|^unhandled$/.test(head) ? line : head;
}
