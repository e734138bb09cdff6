import { cursor, readString, readTag, skipValue } from "@quorate/wire/reader";
import { setClusterVersion } from "../operations/cluster-version.ts";
import { setMemberAttributes } from "../operations/member-attributes.ts";
import type { ReplicatedState } from "../operations/state.ts";

const METHOD_TAG = (2 << 3) | 2;
const PATH_TAG = (3 << 3) | 2;
const VALUE_TAG = (4 << 3) | 2;
const SLASH = 0x2f;

const VERSION_PATH = "/0/version";
const ATTRIBUTES_PATH = /^\/0\/members\/([0-9a-fA-F]{1,16})\/attributes$/;

/**
 * Whether a log entry that looks like a Range with this `body` is a request of etcd's old API: there the field holds a path,
 * and no Range begins with the byte of a slash.
 */
export function isV2Path(body: Uint8Array): boolean {
  return body[0] === SLASH;
}

/**
 * Executes a request of etcd's old API. Members of 3.5 put two of them in the log: their attributes, and the cluster
 * version. Throws `WireError` or `Error` for any other.
 */
export function applyV2Request(state: ReplicatedState, data: Uint8Array): void {
  const { method, path, value } = decodeV2Request(data);
  const member = ATTRIBUTES_PATH.exec(path);
  if (method === "PUT" && path === VERSION_PATH) setClusterVersion(state, value);
  else if (method === "PUT" && member !== null) {
    const { name, clientUrls } = decodeAttributes(value);
    setMemberAttributes(state, { id: BigInt(`0x${member[1]}`), name, clientUrls });
  } else throw new Error(`log entry with a request of the old API that no member needs (${method} ${path})`);
}

function decodeV2Request(data: Uint8Array): { method: string; path: string; value: string } {
  const request = { method: "", path: "", value: "" };
  let pos = 0;
  while (pos < data.length) {
    const tag = readTag(data, pos, data.length);
    pos = cursor;
    if (tag === METHOD_TAG) request.method = readString(data, pos, data.length);
    else if (tag === PATH_TAG) request.path = readString(data, pos, data.length);
    else if (tag === VALUE_TAG) request.value = readString(data, pos, data.length);
    else {
      pos = skipValue(data, pos, data.length, tag);
      continue;
    }
    pos = cursor;
  }
  return request;
}

function decodeAttributes(text: string): { name: string; clientUrls: string[] } {
  const { name, clientURLs } = JSON.parse(text) as { name?: unknown; clientURLs?: unknown };
  return {
    name: typeof name === "string" ? name : "",
    clientUrls: Array.isArray(clientURLs) ? clientURLs.filter((url) => typeof url === "string") : [],
  };
}
