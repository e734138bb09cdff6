import { testBackups } from "./backup-tests.ts";

testBackups("gofakes3");
