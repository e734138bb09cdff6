export { type Chance, type DiskEvent, ProcessKilled, SimulatedDisk } from "./simulated-disk.ts";
