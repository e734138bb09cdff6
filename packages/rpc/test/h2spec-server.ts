/** The server that h2spec is pointed at: it answers plain HTTP/2 requests when they are complete. */
import process from "node:process";
import { GrpcServer, serve } from "../src/index.ts";

const server = new GrpcServer({
  maxConcurrentStreams: 100,
  onHttpRequest(exchange) {
    // h2spec shrinks windows and wants to see DATA frames obey, so there is a body.
    exchange.onEnd = () => exchange.respond(200, { "content-type": "text/plain" }, "hello, h2spec");
  },
});
const listener = await serve({ port: Number(process.argv[2] ?? 0), grpc: server });
console.log(typeof listener.address === "string" ? listener.address : listener.address.port);
