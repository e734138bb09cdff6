import { type GatewayRequest, headerValues } from "../gateway/exchange.ts";

/** Whether a client names a type among those that it takes: that it takes any is no such wish. */
export function accepts(request: GatewayRequest, type: string): boolean {
  return headerValues(request.rawHeaders, "accept")
    .flatMap((value) => value.split(","))
    .some((each) => {
      const [name, ...parameters] = each.split(";").map((part) => part.trim().toLowerCase());
      return name === type && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
    });
}
