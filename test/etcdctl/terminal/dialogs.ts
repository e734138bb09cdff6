import type { Step } from "./terminal.ts";

/** A program on a terminal, and what a person does there. Each has a member of its own, which has nothing in it. */
export interface Dialog {
  readonly name: string;
  /** `{endpoint}` is the member's, and `{folder}` one that is empty. */
  readonly args: readonly string[];
  /** Commands of etcdctl that are done before, one after another. */
  readonly before?: readonly (readonly string[])[];
  readonly steps: readonly Step[];
  readonly code: number;
  /** What the terminal shows from the beginning to the end: Go's etcdctl shows the same, where it is compared. */
  readonly shows: string | RegExp;
  /** Command of etcdctl that is done afterwards, and what it prints then. */
  readonly after?: { readonly args: readonly string[]; readonly prints: string };
  /** Go's etcdctl ends otherwise, and is not compared. */
  readonly isOurWay?: true;
}

const ENTER = "\r";
const CONTROL_C = "\x03";
const CONTROL_D = "\x04";

const password = (prompt: RegExp, typed: string): Step[] => [
  { sees: prompt },
  { isHidden: true },
  { types: `${typed}${ENTER}` },
];
/** Anna's new one, typed, and then once more. */
const newPassword = (typed: string, again: string): Step[] => [
  ...password(/Password of anna: /, typed),
  ...password(/Type password of anna again for confirmation: /, again),
];
const ASKED_TWICE = "Password of anna: \nType password of anna again for confirmation: \n";
const ADD_ROOT = ["user", "add", "root:secret"];

/** Nothing is typed, and all is well. */
function shown(
  name: string,
  args: readonly string[],
  shows: string | RegExp,
  before: readonly (readonly string[])[] = [],
): Dialog {
  return { name, args, before, steps: [], code: 0, shows };
}

/** Of etcdctl. */
export const DIALOGS: readonly Dialog[] = [
  {
    name: "watch -i watches what is typed, complains of what it does not know, and ends with its input",
    args: ["watch", "-i"],
    before: [["put", "foo", "before"]],
    steps: [
      { types: `watch --rev 1 foo${ENTER}` },
      { sees: /PUT\r\nfoo\r\nbefore\r\n/ },
      { meanwhile: ["put", "foo", "meanwhile"] },
      { sees: /PUT\r\nfoo\r\nmeanwhile\r\n/ },
      { types: `look foo${ENTER}` },
      { sees: /only support watch/ },
      { types: CONTROL_D },
    ],
    code: 3,
    shows:
      "watch --rev 1 foo\nPUT\nfoo\nbefore\nPUT\nfoo\nmeanwhile\nlook foo\n" +
      "Invalid command look foo (only support watch)\nError: error reading watch request line: EOF\n",
  },
  {
    name: "watch ends when it is interrupted",
    args: ["watch", "foo", "--rev", "1"],
    before: [["put", "foo", "before"]],
    steps: [{ sees: /before\r\n/ }, { types: CONTROL_C }],
    code: 130,
    shows: "PUT\nfoo\nbefore\n^C",
  },
  {
    name: "a lock is given back when its holder is interrupted",
    args: ["lock", "door"],
    steps: [{ sees: /door\/[0-9a-f]+\r\n\r\n/ }, { types: CONTROL_C }],
    code: 0,
    shows: /^door\/[0-9a-f]+\n\n\^C$/,
    after: { args: ["get", "door", "--prefix"], prints: "" },
  },
  {
    name: "a command runs on the terminal while its lock is held, and its end is the program's",
    args: ["lock", "door", "--", "sh", "-c", "test -t 1 && echo inside; exit 7"],
    steps: [{ sees: /inside/ }],
    code: 7,
    shows: "inside\nError: exit status 7\n",
    after: { args: ["get", "door", "--prefix"], prints: "" },
  },
  {
    name: "who is elected resigns when interrupted",
    args: ["elect", "office", "me"],
    steps: [{ sees: /office\/[0-9a-f]+\r\nme\r\n/ }, { types: CONTROL_C }],
    code: 0,
    shows: /^office\/[0-9a-f]+\nme\n\^C$/,
    after: { args: ["get", "office", "--prefix"], prints: "" },
  },
  {
    name: "elect -l shows who is elected until it is interrupted",
    args: ["elect", "-l", "office"],
    before: [["put", "office/1", "somebody"]],
    steps: [{ sees: /office\/1\r\nsomebody\r\n/ }, { types: CONTROL_C }],
    code: 0,
    shows: "office/1\nsomebody\n^C",
  },
  {
    name: "txn -i asks for its three parts, and a terminal's ends of lines are ends of lines",
    args: ["txn", "-i"],
    before: [["put", "foo", "1"]],
    steps: [
      { sees: /compares:\r\n/ },
      { types: `value("foo") = "1"${ENTER}${ENTER}` },
      { sees: /success requests \(get, put, del\):\r\n/ },
      { types: `put foo "2 and more"${ENTER}get foo${ENTER}${ENTER}` },
      { sees: /failure requests \(get, put, del\):\r\n/ },
      { types: `get foo${ENTER}${ENTER}` },
    ],
    code: 0,
    shows:
      'compares:\nvalue("foo") = "1"\n\nsuccess requests (get, put, del):\nput foo "2 and more"\nget foo\n\n' +
      "failure requests (get, put, del):\nget foo\n\nSUCCESS\n\nOK\n\nfoo\n2 and more\n",
  },
  {
    name: "txn -i that is left before its end does nothing",
    args: ["txn", "-i"],
    steps: [{ sees: /compares:\r\n/ }, { types: CONTROL_D }],
    code: 3,
    shows: "compares:\nError: EOF\n",
  },
  {
    name: "a value is typed until the end of the input",
    args: ["put", "foo"],
    steps: [{ types: `one${ENTER}two${ENTER}` }, { sees: /two\r\n/ }, { types: CONTROL_D }],
    code: 0,
    shows: "one\ntwo\nOK\n",
    after: { args: ["get", "foo", "-w", "fields"], prints: '"Value" : "one\\ntwo\\n"' },
  },
  {
    name: "a new user's password is asked for twice, and not shown",
    args: ["user", "add", "anna"],
    steps: newPassword("secret", "secret"),
    code: 0,
    shows: `${ASKED_TWICE}User anna created\n`,
  },
  {
    name: "two passwords that are different make no user",
    args: ["user", "add", "anna"],
    steps: newPassword("secret", "secre"),
    code: 128,
    shows: `${ASKED_TWICE}Error: given passwords are different\n`,
    after: { args: ["user", "list"], prints: "" },
  },
  {
    name: "an empty password makes no user",
    args: ["user", "add", "anna"],
    steps: password(/Password of anna: /, ""),
    code: 128,
    shows: "Password of anna: \nError: empty password\n",
  },
  {
    name: "who corrects a password while typing it has typed the corrected one",
    args: ["user", "add", "anna"],
    steps: newPassword("secrez\x7ft", "secret"),
    code: 0,
    shows: `${ASKED_TWICE}User anna created\n`,
  },
  {
    name: "who interrupts the question for a password gets a terminal that shows typing again",
    args: ["user", "add", "anna"],
    steps: [{ sees: /Password of anna: / }, { isHidden: true }, { types: CONTROL_C }],
    code: 130,
    shows: /^Password of anna: (\^C)?\n?$/,
    after: { args: ["user", "list"], prints: "" },
    isOurWay: true,
  },
  {
    name: "a password is changed",
    args: ["user", "passwd", "anna"],
    before: [["user", "add", "anna:old"]],
    steps: newPassword("new", "new"),
    code: 0,
    shows: `${ASKED_TWICE}Password updated\n`,
  },
  {
    name: "whoever gives a name alone is asked for the password",
    args: ["--user", "root", "get", "foo"],
    before: [ADD_ROOT, ["put", "foo", "bar"], ["auth", "enable"]],
    steps: password(/Password: /, "secret"),
    code: 0,
    shows: "Password: \nfoo\nbar\n",
  },
  {
    name: "a wrong password is refused",
    args: ["--user", "root", "get", "foo"],
    before: [ADD_ROOT, ["auth", "enable"]],
    steps: password(/Password: /, "wrong"),
    code: 2,
    shows: "Password: \nError: etcdserver: authentication failed, invalid user ID or password\n",
  },
  shown(
    "a terminal makes no difference to tables",
    ["member", "list", "-w", "table"],
    /^┌─+┬[\w\s:/.─┬┐│├┼┤└┴]*┘\n$/,
  ),
  shown(
    "a terminal makes no difference to a snapshot",
    ["snapshot", "save", "{folder}/db"],
    "Snapshot saved at {folder}/db\nServer version 3.7.0\n",
  ),
  shown("a terminal makes no difference to keys", ["get", "foo"], 'foo\n{"a":1}\n', [
    ["put", "foo", '{"a":1}'],
  ]),
];

const ESC = "\x1b";
const RED = "\x1b[31m";
const GREEN = "\x1b[32m";
const YELLOW = "\x1b[33m";
const BLUE = "\x1b[1;34m";
const END = "\x1b[0m";
const ESC_CLEAR = `\r${ESC}\\[K`;
/** A line that shows how far something is, up to its end, and then what is told. */
const bar = (what: string, told: string) =>
  new RegExp(`^${ESC_CLEAR}${what} [^]*100% █+ [^\n]*${ESC_CLEAR}${told}$`);
const TWO_KEYS = [
  ["put", "app/a", "1"],
  ["put", "app/b", "2"],
  ["put", "app/a", "3"],
  ["del", "app/b"],
  ["put", "app/c", "4"],
];

/** Of `quorate ctl`. */
export const BEYOND: readonly Dialog[] = [
  shown(
    "folders stand out",
    ["tree"],
    `${BLUE}(all keys)${END} (2 keys)\n└── ${BLUE}app/${END} (2 keys)\n    ├── a\n    └── c\n`,
    TWO_KEYS,
  ),
  shown(
    "what is new, gone and changed has a colour each",
    ["diff", "3", "6"],
    `${YELLOW}~ app/a\t1 -> 3${END}\n${RED}- app/b\t2${END}\n${GREEN}+ app/c\t4${END}\n`,
    TWO_KEYS,
  ),
  shown(
    "a format that was asked for has no colours",
    ["diff", "3", "6", "-w", "simple"],
    "~ app/a\t1 -> 3\n- app/b\t2\n+ app/c\t4\n",
    TWO_KEYS,
  ),
  shown(
    "sizes are for people, below each other",
    ["du"],
    `3.0 kB  1  ${BLUE}a/${END}\n   2 B  1  ${BLUE}b${END}\n3.0 kB  2  ${BLUE}""${END}\n`,
    [
      ["put", "a/1", "x".repeat(3_000)],
      ["put", "b", "y"],
    ],
  ),
  shown("values that are JSON are laid out", ["get", "foo"], `${BLUE}foo${END}\n{\n  "a": 1\n}\n`, [
    ["put", "foo", '{"a":1}'],
  ]),
  shown(
    "values stay what they are where a format is asked for",
    ["get", "foo", "-w", "simple"],
    'foo\n{"a":1}\n',
    [["put", "foo", '{"a":1}']],
  ),
  {
    name: "a watch shows with colours what is different",
    args: ["watch", "foo", "--rev", "3", "--watch-only-changes"],
    before: [
      ["put", "foo", "a\nb"],
      ["put", "foo", "a\nc"],
    ],
    steps: [{ sees: /\+ c/ }, { types: CONTROL_C }],
    code: 130,
    shows: `${GREEN}PUT${END}\n${BLUE}foo${END}\n${RED}- b${END}\n${GREEN}+ c${END}\n^C`,
  },
  shown(
    "a snapshot shows how far it is, and in the end nothing of that",
    ["snapshot", "save", "{folder}/db"],
    bar("snapshot", "Snapshot saved at {folder}/db\nServer version 3.7.0\n"),
  ),
  {
    name: "a mirror shows how many keys it has copied, and goes on",
    args: ["make-mirror", "--prefix", "a/", "--dest-prefix", "b/", "{endpoint}"],
    before: [
      ["put", "a/1", "x"],
      ["put", "a/2", "x"],
    ],
    steps: [
      { sees: /mirror 100% .* 2 of 2 keys/ },
      { meanwhile: ["put", "a/3", "x"] },
      { sees: /mirror {2}3 keys/ },
      { types: CONTROL_C },
    ],
    code: 130,
    shows: new RegExp(`^${ESC_CLEAR}mirror [^]*\\^C$`),
    after: { args: ["get", "b/", "--prefix", "--keys-only"], prints: "b/1\n\nb/2\n\nb/3\n" },
  },
  shown(
    "a check shows how far it is, below what it tells",
    ["check", "datascale"],
    new RegExp(
      `^Start data scale check .*\n${ESC_CLEAR}check [^]* 10000 of 10000 keys [^\n]*${ESC_CLEAR}PASS: .*\n$`,
    ),
  ),
  {
    name: "top shows members until it is left, and then what was there before",
    args: ["top", "--interval", "100ms"],
    steps: [{ sees: /leader m1 / }, { sees: /leader m1 / }, { types: "q" }],
    code: 0,
    shows: new RegExp(
      `^${ESC}\\[\\?1049h${ESC}\\[\\?25l${ESC}\\[Hcluster [^]*${ESC}\\[\\?25h${ESC}\\[\\?1049l$`,
    ),
  },
  {
    name: "top is left as programs are interrupted",
    args: ["top", "--interval", "100ms"],
    steps: [{ sees: /leader m1 / }, { types: CONTROL_C }],
    code: 0,
    shows: new RegExp(`${ESC}\\[\\?1049l$`),
  },
  shown(
    "top tells once what it is asked for once",
    ["top", "--once", "--interval", "100ms"],
    /^cluster [0-9a-f]+ {3}leader m1 .*\n\nMEMBER .*\nm1 .*\n\nPREFIX .*\n$/,
  ),
  {
    name: "who gets no answer is told of each endpoint",
    args: ["--endpoints", "127.0.0.1:1", "--command-timeout", "300ms", "get", "foo"],
    steps: [],
    code: 1,
    shows:
      "Error: context deadline exceeded\n  127.0.0.1:1 refuses connections: nobody listens there\n" +
      "--endpoints, or ETCDCTL_ENDPOINTS in the environment, says where members listen.\n",
  },
];

/** Of `quorate utl`. */
export const OF_FILES: readonly Dialog[] = [
  shown(
    "a restore shows how far its copy is",
    ["snapshot", "restore", "{folder}/db", "--data-dir", "{folder}/restored"],
    new RegExp(
      `^[^\n]*restoring snapshot[^\n]*\n${ESC_CLEAR}restore 100% █+ [^\n]*${ESC_CLEAR}[^]*restored snapshot`,
    ),
    [["snapshot", "save", "{folder}/db"]],
  ),
];
