import { type DescMessage, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import type { GrpcClient } from "@quorate/rpc/client";
import { GrpcError } from "@quorate/rpc/status";
import { decode, encode, METHODS } from "@quorate/wire";
import {
  AuthenticateRequestSchema,
  AuthenticateResponseSchema,
  AuthRoleAddRequestSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthUserAddRequestSchema,
  AuthUserGrantRoleRequestSchema,
} from "@quorate/wire/etcdserverpb";
import { FAILURES, type FailureCode } from "../errors.ts";

const NO_MESSAGE = new Uint8Array(0);

/** What became of a call: its first answer, or the name of what it failed with, or its text when that has no name. */
export interface Told {
  readonly failure: FailureCode | "none" | (string & {});
  readonly answer: Uint8Array;
}

/** Asks for a method of etcd's, without its package. Of a stream the first answer counts, or its end. */
export type Ask = (method: string, message?: Uint8Array, token?: string) => Promise<Told>;

export function overGrpc(grpc: GrpcClient): Ask {
  return async (name, message = NO_MESSAGE, token) => {
    const method = METHODS.get(`/etcdserverpb.${name}`)!;
    const options = token === undefined ? {} : { metadata: { token } };
    try {
      const answer = method.serverStreaming
        ? await firstOf(grpc.stream(method.path, options), message)
        : await grpc.unary(method.path, message, options);
      return { failure: "none", answer };
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      return { failure: nameOf(error.code, error.details), answer: NO_MESSAGE };
    }
  };
}

function firstOf(call: ReturnType<GrpcClient["stream"]>, message: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    call.onMessage = (answer) => {
      resolve(answer.slice());
      call.cancel();
    };
    call.onEnd = ({ code, details }) => reject(new GrpcError(code, details));
    call.send(message.slice());
  });
}

/** The same requests as JSON, to the paths that etcd's gateway has for them. `url` is a client URL. */
export function overJson(url: string): Ask {
  return async (name, message = NO_MESSAGE, token) => {
    const method = METHODS.get(`/etcdserverpb.${name}`)!;
    const leave = new AbortController();
    const response = await fetch(url + method.httpPaths[0], {
      method: "POST",
      body: JSON.stringify(toJson(method.request, decode(method.request, message))),
      ...(token === undefined ? {} : { headers: { authorization: token } }),
      signal: leave.signal,
    });
    const line = await firstLine(response);
    leave.abort();
    const told = JSON.parse(line) as {
      result?: JsonValue;
      error?: JsonValue;
      code?: number;
      message?: string;
    };
    const error = (typeof told.error === "object" ? told.error : told) as { code?: number; message?: string };
    if (error.code !== undefined) {
      return { failure: nameOf(error.code, error.message ?? ""), answer: NO_MESSAGE };
    }
    const answer = method.serverStreaming ? told.result! : (told as JsonValue);
    return { failure: "none", answer: fromJsonOf(method.response, answer) };
  };
}

function fromJsonOf(schema: DescMessage, json: JsonValue): Uint8Array {
  return encode(schema, fromJson(schema, json));
}

async function firstLine(response: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0]!;
}

function nameOf(code: number, text: string): Told["failure"] {
  const codes = Object.keys(FAILURES) as FailureCode[];
  return codes.find((each) => FAILURES[each][0] === code && FAILURES[each][1] === text) ?? text;
}

/** Asks for what has to be done. */
export async function mustDo(
  ask: Ask,
  method: string,
  message?: Uint8Array,
  token?: string,
): Promise<Uint8Array> {
  const { failure, answer } = await ask(method, message, token);
  if (failure !== "none") throw new Error(`${method}: ${failure}`);
  return answer;
}

export async function login(ask: Ask, name: string, password = "pw"): Promise<string> {
  const answer = await mustDo(
    ask,
    "Auth/Authenticate",
    encode(AuthenticateRequestSchema, { name, password }),
  );
  return decode(AuthenticateResponseSchema, answer).token;
}

/** Of an interval: 0 is to read, 1 to write, 2 both. */
export type Grant = readonly [permType: 0 | 1 | 2, key: string, rangeEnd: string];

/** A user with the password "pw", and a role of its own name with `grants`. */
export async function addUser(ask: Ask, name: string, grants: readonly Grant[]): Promise<void> {
  await mustDo(ask, "Auth/UserAdd", encode(AuthUserAddRequestSchema, { name, password: "pw" }));
  if (name !== "root") await mustDo(ask, "Auth/RoleAdd", encode(AuthRoleAddRequestSchema, { name }));
  for (const [permType, key, rangeEnd] of grants) {
    const perm = { permType, key: Buffer.from(key), rangeEnd: Buffer.from(rangeEnd) };
    await mustDo(
      ask,
      "Auth/RoleGrantPermission",
      encode(AuthRoleGrantPermissionRequestSchema, { name, perm }),
    );
  }
  await mustDo(ask, "Auth/UserGrantRole", encode(AuthUserGrantRoleRequestSchema, { user: name, role: name }));
}
