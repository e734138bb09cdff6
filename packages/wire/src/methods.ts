import type { DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import { Auth, Cluster, KV, Lease, Maintenance, Watch } from "./gen/etcdserverpb_pb.js";
import { Health } from "./gen/grpc_health_v1_pb.js";
import { HTTP_ROUTES } from "./gen/http-routes.ts";
import { Access } from "./gen/quorate_pb.js";
import { Election } from "./gen/v3electionpb_pb.js";
import { Lock } from "./gen/v3lockpb_pb.js";

/** One RPC of the client port. */
export interface Method {
  /** As in HTTP/2's `:path`: `/etcdserverpb.KV/Range`. */
  readonly path: string;
  /** Full name: `etcdserverpb.KV`. */
  readonly service: string;
  readonly name: string;
  readonly request: DescMessage;
  readonly response: DescMessage;
  readonly clientStreaming: boolean;
  readonly serverStreaming: boolean;
  /** Paths under which the JSON gateway offers it (POST); empty for gRPC-only methods. */
  readonly httpPaths: readonly string[];
}

export const SERVICES: readonly DescService[] = [
  KV,
  Watch,
  Lease,
  Cluster,
  Auth,
  Maintenance,
  Lock,
  Election,
  Health,
];

const OWN_ROUTES: Readonly<Record<string, readonly string[]>> = {
  "/quorate.v1.Access/Check": ["/v3/quorate/access/check"],
};

/** Every RPC of the client port, by path. */
export const METHODS: ReadonlyMap<string, Method> = new Map(
  SERVICES.flatMap((service) => service.methods.map((method) => [pathOf(method), describe(method)])),
);

/** RPCs of the client port that etcd does not have, by path. */
export const OWN_METHODS: ReadonlyMap<string, Method> = new Map(
  Access.methods.map((method) => [pathOf(method), describe(method)]),
);

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function describe(method: DescMethod): Method {
  const { methodKind } = method;
  return Object.freeze({
    path: pathOf(method),
    service: method.parent.typeName,
    name: method.name,
    request: method.input,
    response: method.output,
    clientStreaming: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    serverStreaming: methodKind === "server_streaming" || methodKind === "bidi_streaming",
    httpPaths: HTTP_ROUTES[pathOf(method)] ?? OWN_ROUTES[pathOf(method)] ?? [],
  });
}
