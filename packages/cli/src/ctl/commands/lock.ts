import { Mutex, Session } from "@quorate/client";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, Exit, ExitCode, exitWith } from "../../command-line/exit.ts";
import { type Session as CtlSession, connect } from "../session/connect.ts";
import { runCommand } from "./child-process.ts";
import { printRange } from "./get.ts";
import { aborted, untilSignal } from "./signals.ts";

const NO_DEADLINE = { timeoutMs: Number.POSITIVE_INFINITY };

export async function run(invocation: Invocation): Promise<void> {
  const [name, ...command] = invocation.args;
  if (name === undefined)
    throw badArguments("lock takes a lock name argument and an optional command to execute");
  const connected = await connect(invocation);
  const signal = untilSignal();
  try {
    const ttl = Number(invocation.flags.integer("ttl"));
    const session = await Session.open(connected.client, ttl > 0 ? ttl : undefined);
    const mutex = new Mutex(session, name);
    await mutex.lock(signal);
    if (command.length > 0) await runLocked(mutex, command, invocation);
    else await hold(mutex, session, connected, signal);
  } catch (error) {
    throw exitWith(ExitCode.ERROR, error);
  }
}

async function runLocked(mutex: Mutex, command: readonly string[], invocation: Invocation): Promise<void> {
  const ended = await runCommand(command, {
    ETCD_LOCK_KEY: mutex.key,
    ETCD_LOCK_REV: String(mutex.header?.revision ?? 0n),
    ...invocation.environment,
  });
  await mutex.unlock();
  if (ended.error !== "") throw new Exit(ended.status, ended.error);
}

/** Until a signal comes, or the lock is lost. */
async function hold(
  mutex: Mutex,
  session: Session,
  { client, display }: CtlSession,
  signal: AbortSignal,
): Promise<void> {
  const response = await client.kv.range({ key: mutex.key }, NO_DEADLINE);
  if (response.kvs.length === 0) throw new Error("lock lost on init");
  await printRange(display, response);
  await Promise.race([aborted(signal), session.ended]);
  if (!signal.aborted) throw new Error("session expired");
  await mutex.unlock();
}
