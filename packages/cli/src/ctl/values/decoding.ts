import type { Invocation } from "../../command-line/command.ts";
import { badArguments, Exit, ExitCode } from "../../command-line/exit.ts";
import { kubernetesText } from "./kubernetes.ts";
import { prettyJson } from "./pretty-json.ts";

/** How values are shown: as they are, or as text for people where they are of a kind that is known. */
export type Decoding = "auto" | "json" | "k8s" | "none";

const DECODINGS: readonly Decoding[] = ["auto", "json", "k8s", "none"];

/** What `--decode` says; where it says nothing, people on a terminal get what can be read. Throws Exit. */
export function decodingOf({ flags, output }: Invocation): Decoding {
  const given = flags.text("decode");
  if (!flags.changed("decode")) {
    const isForPeople = output.isTerminal() && !flags.changed("write-out") && !flags.on("hex");
    return isForPeople ? "auto" : "none";
  }
  const decoding = DECODINGS.find((each) => each === given);
  if (decoding === undefined)
    throw new Exit(ExitCode.BAD_FEATURE, `unknown decoding ${JSON.stringify(given)}`);
  if (decoding !== "none" && flags.on("hex"))
    throw badArguments("`--decode` and `--hex` cannot be set at the same time, choose one");
  return decoding;
}

/** The text of a value; undefined when it is to be shown as it is. */
export function decodedText(value: Uint8Array, decoding: Decoding): string | undefined {
  if (decoding === "none") return undefined;
  const json = decoding === "k8s" ? undefined : prettyJson(value);
  return json ?? (decoding === "json" ? undefined : kubernetesText(value));
}
