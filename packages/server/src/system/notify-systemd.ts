import { openUnixDatagrams } from "./unix-datagrams.ts";

/**
 * Tells the service manager that started this process, if one did that wants to know, what has become of it, such as `READY=1`.
 * Where that is not possible nothing happens: the manager notices by itself, in time.
 */
export function notifySystemd(
  state: string,
  socketPath: string | undefined = process.env.NOTIFY_SOCKET,
): void {
  if (socketPath === undefined || socketPath === "") return;
  try {
    const datagrams = openUnixDatagrams(socketPath);
    datagrams.send(Buffer.from(state));
    datagrams.close();
  } catch {
    // As in etcd, a service that cannot tell that it is ready serves all the same.
  }
}
