import { decode, encode } from "@quorate/wire";
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthListRequestSchema,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "@quorate/wire/health";
import { FAILURES } from "../errors.ts";
import type { Services } from "./services.ts";

/** `grpc.health.v1.Health`: serving from the moment that the member takes requests; only the empty name is known. */
export function addHealthService(services: Services): void {
  const status = (service: string) =>
    service === "" ? ServingStatus.SERVING : ServingStatus.SERVICE_UNKNOWN;

  services.addUnary("/grpc.health.v1.Health/Check", (message, call) => {
    const { service } = decode(HealthCheckRequestSchema, message);
    if (service !== "") call.fail(...FAILURES.UNKNOWN_SERVICE);
    else call.reply(encode(HealthCheckResponseSchema, { status: ServingStatus.SERVING }));
  });

  services.addUnary("/grpc.health.v1.Health/List", (message, call) => {
    decode(HealthListRequestSchema, message);
    call.reply(encode(HealthListResponseSchema, { statuses: { "": { status: ServingStatus.SERVING } } }));
  });

  services.addServerStream(
    "/grpc.health.v1.Health/Watch",
    (message) => decode(HealthCheckRequestSchema, message),
    ({ service }, call) => {
      // The status never changes while the member lives: one answer, and then the stream stays open.
      call.send(encode(HealthCheckResponseSchema, { status: status(service) }));
    },
  );
}
