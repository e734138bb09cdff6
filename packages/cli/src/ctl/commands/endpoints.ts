import type { Invocation } from "../../command-line/command.ts";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { clientOf } from "../session/connect.ts";
import type { Settings } from "../session/settings.ts";

/** The endpoints that are asked one by one: the given ones, or with `--cluster` all that the members have. Throws Exit. */
export async function endpointsOf({ flags }: Invocation, settings: Settings): Promise<readonly string[]> {
  if (!flags.on("cluster")) return settings.literalEndpoints;
  const client = await clientOf(settings);
  try {
    const { members } = await client.cluster.listMembers();
    return members.flatMap(({ clientURLs }) => clientURLs);
  } catch (error) {
    const why = (error as Error).message;
    throw new Exit(ExitCode.ERROR, `failed to fetch endpoints from etcd cluster member list: ${why}`);
  } finally {
    client.close();
  }
}
