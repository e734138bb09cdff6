import { GrpcClient } from "@quorate/rpc/client";
import { GrpcServer } from "@quorate/rpc/server";
import { MemoryLink } from "@quorate/rpc/testing";

/** Calls a server without sockets: nothing moves until `deliver`, so a test decides when, and in which pieces. */
export function echoInMemory(message: Uint8Array, pieceBytes: number): Promise<Uint8Array> {
  const server = new GrpcServer();
  server.unary("/demo.Greeter/Hello", (request, call) => call.reply(request.slice()));

  const link = new MemoryLink(pieceBytes);
  server.attach(link.open, { address: "memory", port: 0 });
  const client = GrpcClient.over(link.open);

  const reply = client.unary("/demo.Greeter/Hello", message);
  link.deliver();
  return reply;
}
