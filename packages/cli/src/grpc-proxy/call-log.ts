import type { Log } from "@quorate/proxy";
import type { CallObserver } from "@quorate/rpc/server";
import { codeName } from "@quorate/rpc/status";

/** A line for each call that has ended. */
export function callLog(log: Log): CallObserver {
  return {
    onCallStart() {},
    onCallEnd({ path, peer }, code) {
      const [, service, method] = path.split("/");
      log("info", "finished call", {
        "grpc.service": service,
        "grpc.method": method,
        "grpc.code": codeName(code),
        "peer.address": `${peer.address}:${peer.port}`,
      });
    },
  };
}
