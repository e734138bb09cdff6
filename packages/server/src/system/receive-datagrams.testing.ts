import ffi from "node:ffi";

const [AF_UNIX, SOCK_DGRAM, MSG_DONTWAIT] = [1, 2, 0x40];
const MOST_BYTES = 65_536;

export interface ReceivingSocket extends Disposable {
  readonly path: string;
  /** The next datagram that has arrived; undefined when there is none. */
  receive(): string | undefined;
}

/** A unix socket at `path` that datagrams can be sent to. Linux only. */
export function receiveUnixDatagrams(path: string): ReceivingSocket {
  const { functions } = ffi.dlopen(null, {
    socket: { return: "int32", arguments: ["int32", "int32", "int32"] },
    bind: { return: "int32", arguments: ["int32", "buffer", "uint32"] },
    recv: { return: "int64", arguments: ["int32", "buffer", "uint64", "int32"] },
    close: { return: "int32", arguments: ["int32"] },
  });
  const descriptor = functions.socket(AF_UNIX, SOCK_DGRAM, 0);
  const address = Buffer.alloc(2 + Buffer.byteLength(path) + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(path, 2);
  if (functions.bind(descriptor, address, address.length) !== 0) throw new Error(`cannot bind ${path}`);
  const buffer = Buffer.alloc(MOST_BYTES);
  return {
    path,
    receive() {
      const count = Number(functions.recv(descriptor, buffer, BigInt(buffer.length), MSG_DONTWAIT));
      return count < 0 ? undefined : buffer.toString("utf8", 0, count);
    },
    [Symbol.dispose]: () => {
      functions.close(descriptor);
    },
  };
}
