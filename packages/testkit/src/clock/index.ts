export { ManualClock, type ManualClockOptions } from "./manual-clock.ts";
export { RestlessClock } from "./restless-clock.ts";
export { type CallbackClock, withCancelFunctions } from "./with-cancel-functions.ts";
