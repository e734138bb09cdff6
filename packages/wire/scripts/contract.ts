/** The machine-readable contract: what its file says about every message, enum and service, by full protobuf name. */
export type Contract = Record<string, Definition>;

export interface Definition {
  message?: MessageDefinition;
  enum?: Record<string, number>;
  service?: Record<string, MethodDefinition>;
}

export interface MessageDefinition {
  fields: Record<string, FieldDefinition>;
  /** Number ranges (both ends included) and names that must not be used. */
  reserved?: ([number, number] | string)[];
  since?: string;
}

export interface FieldDefinition {
  number: number;
  /** A scalar type or a full name. */
  type: string;
  repeated?: boolean;
  /** Name of the group. */
  oneof?: string;
  /** Key type of a map; `type` is then the value's. */
  map?: string;
  since?: string;
}

export interface MethodDefinition {
  request: string;
  response: string;
  clientStreaming: boolean;
  serverStreaming: boolean;
  http: { post?: string; additional_bindings?: { post: string } };
}

/** The standard health service (gRPC's own specification); not in etcd's contract. */
export const HEALTH: Contract = {
  "grpc.health.v1.HealthCheckRequest": { message: { fields: { service: { number: 1, type: "string" } } } },
  "grpc.health.v1.HealthCheckResponse": {
    message: { fields: { status: { number: 1, type: "grpc.health.v1.HealthCheckResponse.ServingStatus" } } },
  },
  "grpc.health.v1.HealthCheckResponse.ServingStatus": {
    enum: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 },
  },
  "grpc.health.v1.HealthListRequest": { message: { fields: {} } },
  "grpc.health.v1.HealthListResponse": {
    message: {
      fields: { statuses: { number: 1, type: "grpc.health.v1.HealthCheckResponse", map: "string" } },
    },
  },
  "grpc.health.v1.Health": {
    service: {
      Check: method("HealthCheckRequest", "HealthCheckResponse", false),
      List: method("HealthListRequest", "HealthListResponse", false),
      Watch: method("HealthCheckRequest", "HealthCheckResponse", true),
    },
  },
};

function method(request: string, response: string, serverStreaming: boolean): MethodDefinition {
  const prefix = "grpc.health.v1.";
  return {
    request: prefix + request,
    response: prefix + response,
    clientStreaming: false,
    serverStreaming,
    http: {},
  };
}
