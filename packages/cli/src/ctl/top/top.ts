import { setTimeout as sleep } from "node:timers/promises";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments } from "../../command-line/exit.ts";
import { untilSignal } from "../commands/signals.ts";
import { connect } from "../session/connect.ts";
import { styleOf } from "../terminal/style.ts";
import { ChangeCounter } from "./change-counter.ts";
import { frameLines, type Sample } from "./frame.ts";
import { HotPrefixes } from "./hot-prefixes.ts";
import { MemberPolls } from "./members.ts";
import { Screen } from "./screen.ts";

const SHORTEST_MS = 50;
/** Of what is told once. */
const PREFIXES_TOLD = 20;

/** `top [prefix]`: again and again on a terminal, once elsewhere. */
export async function run(invocation: Invocation): Promise<void> {
  const { args, flags, output } = invocation;
  const [prefix = ""] = args;
  if (args.length > 1) throw badArguments("top command takes one prefix at most");
  const intervalMs = flags.duration("interval");
  if (intervalMs < SHORTEST_MS) throw badArguments(`--interval is shorter than ${SHORTEST_MS}ms`);
  const depth = Number(flags.integer("depth"));
  if (depth < 1) throw badArguments("--depth is less than 1");
  const { client, settings } = await connect(invocation);
  const polls = await MemberPolls.of(client, settings);
  const counts = new HotPrefixes(flags.text("separator"), depth);
  const counter = await ChangeCounter.start(client, prefix, counts);
  const sample = (): Sample => ({
    members: polls.states,
    prefixes: counts.take(),
    watchError: counter.error,
    atMs: performance.now(),
  });
  await polls.ask();
  const first = sample();
  if (flags.on("once") || !output.isTerminal() || flags.changed("write-out")) {
    await sleep(intervalMs);
    await polls.ask();
    const revisions = polls.states.map(({ status }) => status?.header?.revision ?? 0n);
    for (const revision of revisions) await counter.reach(revision, settings.commandTimeoutMs);
    const forPeople = output.isTerminal() && !flags.changed("write-out");
    const lines = frameLines(first, sample(), { forPeople, mostPrefixes: PREFIXES_TOLD });
    for (const { text } of lines) output.line(text);
    return;
  }
  const screen = Screen.open(invocation, untilSignal());
  try {
    for (let last = first; !screen.isLeft; ) {
      await screen.leftOrAfter(intervalMs);
      // Whoever does not answer in time is told of when it has; nobody else waits for it.
      void polls.ask();
      const now = sample();
      screen.show(
        (rows) => frameLines(last, now, { forPeople: true, mostPrefixes: rows }),
        styleOf(invocation),
      );
      last = now;
    }
  } finally {
    screen.close();
    counter.close();
  }
}
