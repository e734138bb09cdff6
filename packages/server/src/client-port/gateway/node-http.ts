import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type PeerCertificate, TLSSocket } from "node:tls";
import { remoteAddress } from "@quorate/rpc/server";
import type { AccessRequest } from "../access.ts";
import { endsOfClients } from "../client-ends.ts";
import type { GatewayRequest, GatewayResponse } from "./exchange.ts";

/** A request of node:http as the gateway sees it. */
export function gatewayRequest(req: IncomingMessage): GatewayRequest {
  // A broken connection is reported by the response's close; without a listener it would be thrown.
  req.on("error", ignore);
  const address = remoteAddress(req.socket);
  return {
    method: req.method ?? "",
    rawHeaders: req.rawHeaders,
    remoteAddress: address,
    clientAddress: address,
    bodyEnds: true,
    readBody: (onData, onEnd) => {
      req.on("data", onData);
      req.on("end", onEnd);
    },
    pauseReading: () => req.pause(),
    resumeReading: () => req.resume(),
    stopReading: () => {
      req.removeAllListeners("data");
      req.removeAllListeners("end");
      req.resume();
    },
  };
}

function ignore(): void {}

/** A response of node:http as the gateway sees it. Headers set before stay. */
export function gatewayResponse(res: ServerResponse): GatewayResponse {
  res.on("error", ignore);
  return {
    head: (status, headers) => {
      for (const [name, value] of headers) res.setHeader(name, value);
      // As Go writes those that have no name.
      if (STATUS_CODES[status] === undefined) res.statusMessage = `status code ${status}`;
      res.writeHead(status);
    },
    write: (parts) => writeChunk(res, parts),
    end: (text) => {
      if (text === undefined) res.end();
      else res.end(text);
    },
    abort: () => res.destroy(),
    listen: (onDrain, onClose, onClientEnd) => {
      if (res.destroyed) {
        onClose();
        return;
      }
      const { req } = res;
      const { socket } = req;
      const onEnd = (isLast: boolean, isMalformed: boolean) => {
        // What comes behind a whole request is no concern of its.
        if (!isMalformed || !req.complete) onClientEnd({ bodyIsWhole: req.complete, isLast, isMalformed });
      };
      res.on("drain", onDrain);
      res.on("close", () => {
        endsOfClients.forget(socket, onEnd);
        if (!res.writableFinished) onClose();
      });
      endsOfClients.listen(socket, onEnd);
    },
  };
}

/** Writes one chunk of the body. The chunks of a turn leave together. */
function writeChunk(res: ServerResponse, parts: readonly Uint8Array[]): boolean {
  const { socket } = res;
  if (socket !== null && socket.writableCorked === 0) {
    socket.cork();
    process.nextTick(() => socket.uncork());
  }
  // What is written while the response is corked becomes one chunk.
  res.cork();
  for (const part of parts) res.write(part);
  res.uncork();
  return !res.writableNeedDrain;
}

/** What the access rules ask of a request. */
export function accessRequest(req: IncomingMessage, socket: Duplex): AccessRequest {
  return {
    method: req.method ?? "",
    target: req.url ?? "/",
    rawHeaders: req.rawHeaders,
    isSecure: socket instanceof TLSSocket,
    clientCommonName: clientCommonName(socket),
  };
}

/** The common name of a verified client certificate; empty without one. */
export function clientCommonName(socket: Duplex | undefined): string {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return "";
  // A socket that has been destroyed meanwhile has no certificate any more, whatever the declared type says.
  const certificate: PeerCertificate | null = socket.getPeerCertificate();
  const name: string | string[] | undefined = certificate?.subject?.CN;
  return (Array.isArray(name) ? name[0] : name) ?? "";
}
