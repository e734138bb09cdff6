import packageJson from "../package.json" with { type: "json" };

/** The etcd release whose behaviour this is; reported to clients and tools. */
export const COMPATIBLE_VERSION = "3.7.3";
/** Cluster and storage version that go with it. */
export const CLUSTER_VERSION = "3.7.0";
/** Quorate's own version. */
export const PRODUCT_VERSION: string = packageJson.version;
