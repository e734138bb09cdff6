/** Thousands of logins at once, and what puts of a user beside them felt. */
import { setTimeout as pause } from "node:timers/promises";
import { GrpcClient } from "@quorate/rpc/client";
import { decode } from "@quorate/wire";
import { AuthenticateResponseSchema } from "@quorate/wire/etcdserverpb";
import type { BesideProcess } from "./beside-process.ts";
import type { Limits } from "./judgement.ts";
import type { LoopWork, MeasuredMember } from "./measured-member.ts";
import { binaryOf, type Fields, methodOf } from "./requests.ts";

export interface LoginMeasurement {
  readonly text: string;
  readonly faults: readonly string[];
}

const LOGINS = 5_000;
const CONNECTIONS = 50;
/** All of them have come by then, and nearly all wait for their turns. */
const ARRIVAL_MS = 2_000;
const MEASURED_MS = 4_000;
/** However slow a machine is, a login of one that waits for nobody else is over by then. */
const LOGIN_MS = 60_000;
/** Twice as long as next to nothing is nothing, either. */
const SHORT_MS = 10;
/** While they come a put waits behind what the others ask for in the turns that it takes, and behind no more. */
const ARRIVAL_SHORT_MS = 25;
const ROOT = "root";
const CREDENTIALS = { name: ROOT, password: "a password" };
const AUTHENTICATE = methodOf("Auth/Authenticate");

/** Enables authentication, with one user. Returns its token. */
export async function enableUsers(client: GrpcClient): Promise<string> {
  const ask = async (name: string, fields: Fields): Promise<void> => {
    const method = methodOf(`Auth/${name}`);
    await client.unary(method.path, binaryOf(method, fields));
  };
  await ask("UserAdd", CREDENTIALS);
  await ask("UserGrantRole", { user: ROOT, role: ROOT });
  await ask("AuthEnable", {});
  return login(client);
}

/** How long puts take beside nothing and beside logins whose clients then go away, most of them without an answer. */
export async function measureLogins(
  member: MeasuredMember,
  beside: BesideProcess,
  limits: Limits,
): Promise<LoginMeasurement> {
  await beside.take();
  await pause(MEASURED_MS);
  const before = await beside.take();
  await member.takeLoopWork();
  const clients = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => GrpcClient.connect({ address: member.address })),
  );
  let [given, refused] = [0, 0];
  const logins = Array.from({ length: LOGINS }, async (_, number) => {
    try {
      await login(clients[number % CONNECTIONS]!);
      given += 1;
    } catch {
      refused += 1;
    }
  });
  await pause(ARRIVAL_MS);
  const arrival = await beside.take();
  const arrivalLoop = await member.takeLoopWork();
  await pause(MEASURED_MS);
  const refusedEarly = refused;
  const during = await beside.take();
  for (const client of clients) client.close();
  await Promise.all(logins);
  // Of those that nobody waits for any more none is in the way.
  const startedMs = performance.now();
  await login(member.client);
  const nextMs = performance.now() - startedMs;
  const loop = await member.takeLoopWork();
  const noiseMs = Math.max(during.lateMs, during.syncMs, loop.longestWaitMs);
  // A put takes several turns, and each of them may wait for a processor.
  const arrivalNoiseMs = Math.max(arrival.lateMs, arrival.syncMs, arrivalLoop.waitedMs);
  const failures = [...before.failures, ...arrival.failures, ...during.failures];
  const faults = [...failures, ...loopFaults(arrivalLoop, limits), ...loopFaults(loop, limits)];
  if (during.puts === 0) faults.push("no put beside was answered");
  if (given === 0 || refusedEarly > 0) faults.push(`${given} logins succeeded, ${refusedEarly} were refused`);
  const check = (when: string, p99Ms: number, shortMs: number, explainedMs: number): void => {
    if (p99Ms <= Math.max(2 * before.putP99Ms, shortMs) || p99Ms <= explainedMs) return;
    faults.push(`p99 of puts beside was ${ms(p99Ms)} ${when}, and ${ms(before.putP99Ms)} without logins`);
  };
  check("while they came", arrival.putP99Ms, ARRIVAL_SHORT_MS, arrivalNoiseMs);
  check("while they waited", during.putP99Ms, SHORT_MS, noiseMs);
  const turnMs = Math.max(arrivalLoop.longestTurnMs, loop.longestTurnMs);
  const text =
    `${given} of ${LOGINS} logins answered; p99 of puts beside: ${ms(before.putP99Ms)} without logins, ` +
    `${ms(arrival.putP99Ms)} while they came (noise ${ms(arrivalNoiseMs)}), ${ms(during.putP99Ms)} while they waited ` +
    `(noise ${ms(noiseMs)}); turn ${ms(turnMs)}; the next login ${ms(nextMs)}`;
  return { text, faults };
}

function loopFaults({ longestTurnMs }: LoopWork, { turnMs }: Limits): string[] {
  return longestTurnMs > turnMs ? [`a turn of the loop took ${ms(longestTurnMs)}`] : [];
}

async function login(client: GrpcClient): Promise<string> {
  const options = { deadlineMs: performance.now() + LOGIN_MS };
  const answer = await client.unary(AUTHENTICATE.path, binaryOf(AUTHENTICATE, CREDENTIALS), options);
  return decode(AuthenticateResponseSchema, answer).token;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
