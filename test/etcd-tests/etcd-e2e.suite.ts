import { testAsEtcd } from "./etcd-tests.ts";

testAsEtcd("e2e");
