export { killAtExit, removeDir, temporaryDir } from "./clean-up.ts";
export { type Exit, Server, type ServerOptions } from "./server.ts";
