/** Runs a small program on Go's gRPC client against our server. Without Go the suite is skipped with a message. */
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { GrpcServer, serve } from "@quorate/rpc/server";
import { Code } from "@quorate/rpc/status";

if (spawnSync("go", ["version"]).status !== 0) {
  console.log("skipped: the Go client suite needs Go to be installed (https://go.dev)");
  process.exit(0);
}

const server = new GrpcServer();
server.unary("/test.Service/Unary", (message, call) => {
  const text = call.metadata("x-echo");
  if (text !== undefined) call.setHeader("x-echo", text);
  const binary = call.binaryMetadata("x-echo-bin");
  if (binary !== undefined) call.setTrailer("x-echo-bin", binary);
  call.reply(message.slice());
});
server.unary("/test.Service/Fail", (_message, call) =>
  call.fail(Code.FAILED_PRECONDITION, "nicht möglich: 100%"),
);
server.unary("/test.Service/Never", () => {});
server.stream("/test.Service/Bidi", (call) => {
  call.onMessage = (message) => call.send(message.slice());
  call.onHalfClose = () => call.end();
});
server.stream("/test.Service/Flood", (call) => {
  const push = (): void => {
    while (call.sentMessages < 200) if (!call.send(new Uint8Array(60_000))) return;
    call.end();
  };
  call.onDrain = push;
  push();
});
const listener = await serve({ grpc: server });
const { address } = listener;
if (typeof address === "string") throw new Error("expected a TCP address");

// Built outside the checkout, so that go.sum and the binary stay out of it.
const directory = fs.mkdtempSync(path.join(os.tmpdir(), "rpc-go-client-"));
fs.cpSync(path.join(import.meta.dirname, "go-client"), directory, { recursive: true });
const build = spawnSync("sh", ["-c", "go mod tidy && go build -o client ."], {
  cwd: directory,
  encoding: "utf8",
});
if (build.status !== 0) {
  console.error(build.stderr);
  process.exit(1);
}
const run = spawn(path.join(directory, "client"), [`127.0.0.1:${address.port}`], { stdio: "inherit" });
const status = await new Promise<number | null>((resolve) => run.once("close", resolve));
fs.rmSync(directory, { recursive: true });
server.close();
await listener.close();
process.exitCode = status === 0 ? 0 : 1;
