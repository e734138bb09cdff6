import type { Session } from "node:inspector/promises";
import { methodNotAllowed, notFound, type PlainRequest, type PlainResponse } from "../http/plain-text.ts";

const ROOT = "/debug/pprof";
const DEFAULT_SECONDS = 30;
const MAX_PROFILE_SECONDS = 600;
/** Of allocated octets between two samples, on average: what V8 calls fine enough, and hardly costs anything. */
const HEAP_SAMPLE_BYTES = 32_768;

interface Profile {
  readonly what: string;
  /** Makes the file's content, of what happens in so many seconds. */
  take(session: Session, seconds: number): Promise<object>;
  /** Of the file: Chrome's developer tools open it by its ending. */
  readonly fileName: string;
}

const PROFILES: Readonly<Record<string, Profile>> = {
  profile: {
    what: "where the processor's time goes for ?seconds=30, for the panel Performance of Chrome's developer tools",
    fileName: "quorate.cpuprofile",
    async take(session, seconds) {
      await session.post("Profiler.enable");
      await session.post("Profiler.start");
      await pass(seconds);
      const { profile } = await session.post("Profiler.stop");
      return profile;
    },
  },
  heap: {
    what: "what is allocated in ?seconds=30 and is still there then, for the panel Memory",
    fileName: "quorate.heapprofile",
    take: (session, seconds) => sampleHeap(session, seconds, false),
  },
  allocs: {
    what: "the same, with what is not there any more",
    fileName: "quorate.heapprofile",
    take: (session, seconds) => sampleHeap(session, seconds, true),
  },
};

async function sampleHeap(session: Session, seconds: number, withCollected: boolean): Promise<object> {
  await session.post("HeapProfiler.enable");
  await session.post("HeapProfiler.startSampling", {
    samplingInterval: HEAP_SAMPLE_BYTES,
    includeObjectsCollectedByMajorGC: withCollected,
    includeObjectsCollectedByMinorGC: withCollected,
  });
  await pass(seconds);
  const { profile } = await session.post("HeapProfiler.stopSampling");
  return profile;
}

/** `/debug/pprof/`: profiles of the running member, under the names that Go has for its own, one at a time. */
export class Profiles {
  #isTaking = false;

  has(path: string): boolean {
    return path === ROOT || path.startsWith(`${ROOT}/`);
  }

  async answer(
    path: string,
    query: URLSearchParams,
    { method }: PlainRequest,
    res: PlainResponse,
  ): Promise<void> {
    if (method !== "GET") return methodNotAllowed(res);
    const name = path.slice(ROOT.length + 1);
    const profile = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined;
    if (profile !== undefined) return this.#take(profile, query.get("seconds"), res);
    if (name === "") return answerText(res, 200, index());
    if (name === "cmdline") return answerText(res, 200, process.argv.join("\0"));
    // What Go measures beside these, such as goroutines, there is nothing of here.
    return notFound(res);
  }

  async #take({ take, fileName }: Profile, secondsText: string | null, res: PlainResponse): Promise<void> {
    const seconds = Number(secondsText ?? DEFAULT_SECONDS);
    if (!(seconds > 0 && seconds <= MAX_PROFILE_SECONDS)) {
      return answerText(res, 400, `seconds must be more than 0, and at most ${MAX_PROFILE_SECONDS}\n`);
    }
    if (this.#isTaking) return answerText(res, 500, "another profile is being taken\n");
    this.#isTaking = true;
    // It is loaded when somebody asks.
    const { Session } = await import("node:inspector/promises");
    const session = new Session();
    try {
      session.connect();
      const profile = await take(session, seconds);
      res.writeHead(200, {
        "content-type": "application/json",
        "content-disposition": `attachment; filename="${fileName}"`,
      });
      res.end(JSON.stringify(profile));
    } finally {
      session.disconnect();
      this.#isTaking = false;
    }
  }
}

function index(): string {
  const lines = Object.entries(PROFILES).map(([name, { what }]) => `${ROOT}/${name}: ${what}\n`);
  return `${lines.join("")}${ROOT}/cmdline: the command line\n`;
}

function answerText(res: PlainResponse, status: number, text: string): void {
  res.writeHead(status, { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" });
  res.end(text);
}

function pass(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1_000).unref();
  });
}
