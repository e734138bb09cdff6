export { type Dns, type SrvRecord, systemDns } from "./dns.ts";
export {
  type DiscoveredEndpoint,
  discoverEndpoints,
  hostAndPort,
  serviceName,
} from "./service-endpoints.ts";
