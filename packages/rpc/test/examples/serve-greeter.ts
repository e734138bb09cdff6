import { GrpcServer, serve } from "@quorate/rpc/server";
import { Code } from "@quorate/rpc/status";

/** Serves two methods on a free port of this machine. `stop` resolves when every call and connection has ended. */
export async function serveGreeter() {
  const server = new GrpcServer({ maxReceiveMessageBytes: 2_097_152 });

  // `message` is borrowed: its octets are overwritten when the handler has returned.
  server.unary("/demo.Greeter/Hello", (message, call) => {
    if (message.length === 0) return call.fail(Code.INVALID_ARGUMENT, "who is there?");
    call.reply(message.slice());
  });

  server.stream("/demo.Greeter/Chat", (call) => {
    call.onMessage = (message) => {
      if (!call.send(message.slice())) call.pauseReading(); // the client is slow: stop listening to it
    };
    call.onDrain = () => call.resumeReading();
    call.onHalfClose = () => call.end();
    call.onCancel = (reason) => console.log(reason); // e.g. "canceled", "deadline" or "disconnected"
  });

  const listener = await serve({ host: "127.0.0.1", port: 0, grpc: server });
  const stop = async () => {
    await server.shutdown(1000); // GOAWAY, let calls end, cut what is left
    await listener.close();
  };
  return { address: listener.address, stop };
}
