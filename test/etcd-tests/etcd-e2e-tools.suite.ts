import { testAsEtcd } from "./etcd-tests.ts";

testAsEtcd("e2e", { tools: "ours", about: ["TestCtlV3*", "TestUtlV3*", "TestEtctlutl*"] });
