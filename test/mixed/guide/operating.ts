/** docs/operating-a-cluster.md, every command of it. */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { repositoryRoot } from "@quorate/testkit/target";
import { tools, whyMissing } from "../programs.ts";
import { type Block, blocksOf } from "./blocks.ts";
import { Stage } from "./stage.ts";

const skip =
  whyMissing("etcd") ?? (process.platform === "linux" ? false : "needs all addresses of 127.0.0.0/8");

const CHECKS: Readonly<Record<string, RegExp>> = {
  hello: /^greeting\nhello\n$/,
  alone: /^[0-9a-f]+, started, a, [^\n]+, false\n$/,
};

/** The first member's start as that of another one of the three. */
function oneOf(name: string, end: number) {
  return {
    "--name a": `--name ${name}`,
    "listen-peer-urls http://10.0.1.10": `listen-peer-urls http://10.0.1.${end}`,
    "advertise-peer-urls http://10.0.1.10": `advertise-peer-urls http://10.0.1.${end}`,
    "listen-client-urls http://10.0.1.10": `listen-client-urls http://10.0.1.${end}`,
    "advertise-client-urls http://10.0.1.10": `advertise-client-urls http://10.0.1.${end}`,
  };
}

export function operatingGuide(): void {
  test("the guide to a cluster, from its start to the loss of a majority", { skip }, async () => {
    const { etcdctl, etcdutl } = tools;
    const stage = new Stage({ etcdctl, etcdutl, quorate: path.join(repositoryRoot, "bin/quorate") });
    try {
      const all = [...blocksOf(path.join(repositoryRoot, "docs/operating-a-cluster.md")).values()].flat();
      const [start, ...rest] = all as [Block, ...Block[]];
      await Promise.all([
        stage.run(start),
        stage.run({ ...start, machine: "b" }, oneOf("b", 11)),
        stage.run({ ...start, machine: "c" }, oneOf("c", 12)),
      ]);
      for (const block of rest) {
        const output = await stage.run(block);
        if (block.check !== undefined) assert.match(output, CHECKS[block.check]!);
        if (block.script.includes("member remove")) await stage.ended("c");
        if (block.script.includes("systemctl stop")) {
          await stage.kill("b");
          await stage.kill("d");
        }
      }
    } finally {
      await stage.close();
    }
  });
}
