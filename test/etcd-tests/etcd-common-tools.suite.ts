import { testAsEtcd } from "./etcd-tests.ts";

testAsEtcd("common", { tools: "ours" });
