import { Election, observeLeaders, Session } from "@quorate/client";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import { type Session as CtlSession, connect } from "../session/connect.ts";
import { printRange } from "./get.ts";
import { aborted, untilSignal } from "./signals.ts";

export async function run(invocation: Invocation): Promise<void> {
  const { args, flags } = invocation;
  const [name, proposal] = args;
  if (name === undefined || args.length > 2)
    throw badArguments("elect takes one election name argument and an optional proposal argument");
  const connected = await connect(invocation);
  if (proposal === undefined && !flags.on("listen"))
    throw badArguments("no proposal argument but -l not set");
  if (proposal !== undefined && flags.on("listen")) throw badArguments("proposal given but -l is set");
  const signal = untilSignal();
  try {
    if (proposal === undefined) await observe(name, connected, signal);
    else await campaign(name, proposal, connected, signal);
  } catch (error) {
    throw exitWith(ExitCode.ERROR, error);
  }
}

async function observe(name: string, { client, display }: CtlSession, signal: AbortSignal): Promise<void> {
  try {
    for await (const { header, kv } of observeLeaders(client, name, signal))
      await printRange(display, { header, kvs: [kv], more: false, count: 0n });
  } catch {
    // Told below, unless somebody wanted it.
  }
  if (!signal.aborted) throw new Error("elect: observer lost");
}

async function campaign(
  name: string,
  proposal: string,
  { client, display }: CtlSession,
  signal: AbortSignal,
): Promise<void> {
  const session = await Session.open(client);
  const election = new Election(session, name);
  await election.campaign(proposal, signal);
  await printRange(display, await client.kv.range({ key: election.key }));
  await Promise.race([aborted(signal), session.ended]);
  if (!signal.aborted) throw new Error("elect: session expired");
  await election.resign();
}
