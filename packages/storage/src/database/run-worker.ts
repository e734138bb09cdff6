import { Worker } from "node:worker_threads";

/**
 * Runs a script in a thread of its own; resolves with the one message that it posts, after it has ended. Rejects with
 * what it throws, and when the signal ends it first.
 */
export function runWorker<Result>(script: URL, task: unknown, signal?: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(script, { workerData: task });
    let result: { readonly value: Result } | undefined;
    let failure: Error | undefined;
    const abort = (): void => {
      failure ??= new Error("the thread was stopped");
      void worker.terminate();
    };
    worker.on("message", (value: Result) => {
      result = { value };
    });
    worker.on("error", (error) => {
      failure ??= error instanceof Error ? error : new Error(String(error));
    });
    worker.on("exit", (code) => {
      signal?.removeEventListener("abort", abort);
      if (result !== undefined && failure === undefined) resolve(result.value);
      else reject(failure ?? new Error(`the thread ended with ${code}`));
    });
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
