import { createRequire } from "node:module";

/** Sends datagrams to a unix socket, which the runtime's own sockets cannot. */
export interface UnixDatagrams {
  /** Sends without waiting; undefined when it was sent, otherwise the system's number of the error. */
  send(message: Uint8Array): number | undefined;
  close(): void;
}

const [AF_UNIX, SOCK_DGRAM, SOCK_CLOEXEC] = [1, 2, 0o2000000];
const [MSG_DONTWAIT, MSG_NOSIGNAL] = [0x40, 0x4000];
/** `sun_family`, and the longest path with its end. */
const [FAMILY_BYTES, MAX_SOCKET_PATH] = [2, 108];

/**
 * To the socket at `path`; of one that begins with `@`, in the system's namespace without files. Throws where the system or the
 * runtime has no such sockets.
 */
export function openUnixDatagrams(path: string): UnixDatagrams {
  if (process.platform !== "linux") throw new Error(`no unix datagrams on ${process.platform}`);
  const address = addressOf(path);
  const { socket, sendto, close, errno } = loadSystemCalls();
  const descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw new Error(`cannot make a unix socket (error ${errno()})`);
  return {
    send(message) {
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      const sent = sendto(descriptor, message, BigInt(message.length), flags, address, address.length);
      return sent < 0n ? errno() : undefined;
    },
    close: () => close(descriptor),
  };
}

function addressOf(path: string): Buffer {
  const name = Buffer.from(path);
  const isAbstract = path.startsWith("@");
  if (name.length === 0 || name.length >= MAX_SOCKET_PATH)
    throw new Error(`no socket can have the path ${path}`);
  const address = Buffer.alloc(FAMILY_BYTES + name.length + (isAbstract ? 0 : 1));
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, FAMILY_BYTES);
  if (isAbstract) address[FAMILY_BYTES] = 0;
  return address;
}

interface SystemCalls {
  socket(domain: number, type: number, protocol: number): number;
  sendto(
    descriptor: number,
    message: Uint8Array,
    length: bigint,
    flags: number,
    address: Uint8Array,
    addressLength: number,
  ): bigint;
  close(descriptor: number): void;
  errno(): number;
}

const INT = "int32";

/** Of the library that the runtime itself uses. It is loaded when it is needed: most members need none of it. */
function loadSystemCalls(): SystemCalls {
  const { dlopen, getInt32 } = createRequire(import.meta.url)("node:ffi") as typeof import("node:ffi");
  const { functions } = dlopen(null, {
    socket: { return: INT, arguments: [INT, INT, INT] },
    sendto: { return: "int64", arguments: [INT, "buffer", "uint64", INT, "buffer", "uint32"] },
    close: { return: INT, arguments: [INT] },
    __errno_location: { return: "pointer", arguments: [] },
  });
  return {
    socket: (domain, type, protocol) => functions.socket(domain, type, protocol),
    sendto: (...args) => functions.sendto(...args),
    close: (descriptor) => {
      functions.close(descriptor);
    },
    errno: () => getInt32(functions.__errno_location(), 0),
  };
}
