/** The server that h2spec is pointed at: `node h2spec-server.ts [port] [tls]`. It prints its port. */
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { GrpcServer, serve } from "@quorate/rpc/server";

const testdata = path.resolve(import.meta.dirname, "../testdata");
const server = new GrpcServer({
  maxConcurrentStreams: 100, // h2spec skips a case when there is no limit
  onHttpRequest(exchange) {
    // h2spec shrinks windows and wants to see DATA frames obey, so there is a body.
    exchange.onEnd = () => exchange.respond(200, { "content-type": "text/plain" }, "hello, h2spec");
  },
});
const secure = {
  tls: {
    key: fs.readFileSync(path.join(testdata, "localhost-key.pem")),
    cert: fs.readFileSync(path.join(testdata, "localhost-cert.pem")),
  },
};
const listener = await serve({
  port: Number(process.argv[2] ?? 0),
  grpc: server,
  ...(process.argv[3] === "tls" ? secure : {}),
});
console.log(typeof listener.address === "string" ? listener.address : listener.address.port);
