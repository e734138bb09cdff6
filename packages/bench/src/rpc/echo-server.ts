/**
 * An echo server for measuring the transport alone: `node echo-server.ts [port]`. On `GET /` over HTTP/1.1 it reports
 * requests, CPU time and CPU per request since the last report.
 */
import http from "node:http";
import process from "node:process";
import { GrpcServer, serve } from "@quorate/rpc/server";

const server = new GrpcServer();
// A put answers with its header: about thirty octets.
const REPLY = new Uint8Array(30).fill(1);
let requests = 0;
let cpu = process.cpuUsage();

server.unary("/etcdserverpb.KV/Put", (message, call) => {
  requests++;
  if (message.length === 0) throw new Error("empty");
  call.reply(REPLY);
});

function report(): string {
  const used = process.cpuUsage(cpu);
  const microseconds = used.user + used.system;
  const line = JSON.stringify({
    requests,
    cpuSeconds: microseconds / 1e6,
    userMicrosPerRequest: requests === 0 ? 0 : used.user / requests,
    systemMicrosPerRequest: requests === 0 ? 0 : used.system / requests,
    residentMiB: Math.round(process.memoryUsage.rss() / 1_048_576),
  });
  requests = 0;
  cpu = process.cpuUsage();
  return line;
}

const admin = http.createServer((_request, response) => response.end(`${report()}\n`));
const listener = await serve({ port: Number(process.argv[2] ?? 0), grpc: server, http: admin });
console.log(JSON.stringify(listener.address));
process.on("SIGTERM", () => process.exit(0)); // lets --cpu-prof write its file
