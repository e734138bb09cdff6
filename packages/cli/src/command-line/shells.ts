const SHELLS = ["bash", "zsh", "fish", "powershell"];

/** What is wrong with the arguments of the command that prints a script for a shell; see `CommandSpec.checkArguments`. */
export function checkShell(program: string): (args: readonly string[]) => string | undefined {
  return (args) => {
    if (args.length !== 1) return `accepts 1 arg(s), received ${args.length}`;
    if (SHELLS.includes(args[0]!)) return undefined;
    return `invalid argument ${JSON.stringify(args[0])} for "${program} completion"`;
  };
}
