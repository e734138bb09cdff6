import { testAsEtcd } from "./etcd-tests.ts";

testAsEtcd("common");
