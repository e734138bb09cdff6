import type { CommandPath, CommandSpec, Invocation } from "../../command-line/command.ts";
import { allFlags, pathText } from "../../command-line/find-command.ts";

/** What may follow a command. */
interface Choice {
  /** `etcdctl member` */
  readonly command: string;
  readonly words: readonly string[];
}

const SCRIPTS: Readonly<Record<string, (program: string, choices: readonly Choice[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
  powershell: powershellScript,
};

export async function run({ path, args, output }: Invocation): Promise<void> {
  output.write(SCRIPTS[args[0]!]!(path[0].name, choicesOf([path[0]])));
}

function choicesOf(path: CommandPath): Choice[] {
  const { commands: all = [] }: CommandSpec = path.at(-1)!;
  // The scripts are for the name `etcdctl`.
  const commands = all.filter(({ beyondEtcd }) => beyondEtcd !== true);
  const flags = allFlags(path).map(({ name }) => `--${name}`);
  const own = { command: pathText(path), words: [...commands.map(({ name }) => name), ...flags] };
  return [own, ...commands.flatMap((command) => choicesOf([...path, command]))];
}

/** Both shells know arrays, substrings and `case`. */
function bashScript(program: string, choices: readonly Choice[]): string {
  return `# completion of ${program} for bash
_${program}() {
  local command=${program} word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$command $word" in
${caseOfCommands(choices, "      ")}
    esac
  done
  case "$command" in
${choices.map(({ command, words }) => `    "${command}") COMPREPLY=($(compgen -W "${words.join(" ")}" -- "\${COMP_WORDS[COMP_CWORD]}")) ;;`).join("\n")}
  esac
}
complete -o default -F _${program} ${program}
`;
}

function zshScript(program: string, choices: readonly Choice[]): string {
  return `#compdef ${program}
# completion of ${program} for zsh
_${program}() {
  local command=${program} word i
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    case "$command $word" in
${caseOfCommands(choices, "      ")}
    esac
  done
  case "$command" in
${choices.map(({ command, words }) => `    "${command}") compadd -- ${words.join(" ")} ;;`).join("\n")}
  esac
}
compdef _${program} ${program}
`;
}

function caseOfCommands(choices: readonly Choice[], indentation: string): string {
  return choices
    .slice(1)
    .map(({ command }) => `${indentation}"${command}") command="${command}" ;;`)
    .join("\n");
}

function fishScript(program: string, choices: readonly Choice[]): string {
  const lines = choices.map(({ command, words }) => {
    const names = command.split(" ").slice(1);
    const seen = names.map((name) => `__fish_seen_subcommand_from ${name}`);
    const condition = seen.length === 0 ? "__fish_use_subcommand" : seen.join("; and ");
    return `complete -c ${program} -n '${condition}' -a '${words.join(" ")}'`;
  });
  return `# completion of ${program} for fish\n${lines.join("\n")}\n`;
}

function powershellScript(program: string, choices: readonly Choice[]): string {
  const rows = choices.map(
    ({ command, words }) => `    '${command}' = @(${words.map((word) => `'${word}'`).join(", ")})`,
  );
  return `# completion of ${program} for PowerShell
Register-ArgumentCompleter -Native -CommandName ${program} -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $choices = @{
${rows.join("\n")}
  }
  $command = '${program}'
  foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
    if ($choices.ContainsKey("$command $element")) { $command = "$command $element" }
  }
  $choices[$command] | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
