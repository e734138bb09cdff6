import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { damageFiles } from "../testing/damage.ts";

testWithSeed("a damaged file is told as such, or read as it was written", async (seed) => {
  await damageFiles(new SeededRandom(seed), searchRuns(200, 5000));
});
