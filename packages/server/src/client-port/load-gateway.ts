import { loadInSlices } from "../load-in-slices.ts";

/**
 * Loads what the gateway consists of without holding up the loop; whoever imports it afterwards has it at once. From
 * what the others need to what needs the others.
 */
export function loadGateway(): Promise<void> {
  return loadInSlices([
    () => import("@bufbuild/protobuf"),
    () => import("@bufbuild/protobuf/reflect"),
    () => import("@quorate/wire"),
    () => import("./access.ts"),
    () => import("./gateway/json-to-message.ts"),
    () => import("./gateway/message-to-json.ts"),
    () => import("./gateway/serve.ts"),
    () => import("./gateway/websocket.ts"),
    () => import("./keys/site.ts"),
    () => import("./openapi/site.ts"),
    () => import("./open-gateway.ts"),
  ]);
}
