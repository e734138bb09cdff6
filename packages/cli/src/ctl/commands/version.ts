import { CLUSTER_VERSION, COMPATIBLE_VERSION } from "@quorate/server/version";
import type { Invocation } from "../../command-line/command.ts";

export async function run({ path, output }: Invocation): Promise<void> {
  output.line(`${path[0].name} version: ${COMPATIBLE_VERSION}`);
  output.line(`API version: ${CLUSTER_VERSION.replace(/\.0$/, "")}`);
}
