export { Freelist } from "../database/freelist.ts";
export { type Chance, type DiskEvent, ProcessKilled, SimulatedDisk } from "./simulated-disk.ts";
