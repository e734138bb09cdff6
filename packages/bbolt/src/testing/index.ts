export { type Chance, type DiskEvent, SimulatedDisk } from "./simulated-disk.ts";
