export { decode, encode } from "./codec.ts";
export { WireError } from "./hot/wire-error.ts";
export { METHODS, type Method, OWN_METHODS, SERVICES } from "./methods.ts";
