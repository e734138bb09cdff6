import { testBackups } from "./backup-tests.ts";

testBackups("versitygw");
