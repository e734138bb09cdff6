import { availableParallelism } from "node:os";
import { getHeapStatistics } from "node:v8";
import type { Services } from "../api/services.ts";
import { readProc } from "../client-port/proc-files.ts";
import { counter, type Family, gauge, info } from "./family.ts";
import type { GcPauses } from "./gc-pauses.ts";

/** What is asked for this; nothing of it is counted in the answer itself but that it is on its way. */
export class ScrapeCounts {
  inFlight = 0;
  /** By HTTP status. */
  readonly done: Record<string, number> = { 200: 0, 500: 0, 503: 0 };
}

/** Of the process, besides what the Prometheus library tells of it. */
export function processFamilies(
  scrapes: ScrapeCounts,
  pauses: GcPauses,
  services: Services | undefined,
): Family[] {
  const proc = readProc();
  const known = (make: typeof gauge, name: string, help: string, value: number | undefined) =>
    value === undefined ? [] : [make(name, help, () => value)];
  return [
    ...known(gauge, "os_fd_used", "Open files.", proc.openFiles),
    ...known(gauge, "process_open_fds", "Open files.", proc.openFiles),
    ...known(gauge, "os_fd_limit", "Files that may be open.", proc.openFilesLimit),
    ...known(
      counter,
      "process_network_receive_bytes_total",
      "Bytes received in the network namespace of the process.",
      proc.receivedBytes,
    ),
    ...known(counter, "process_network_transmit_bytes_total", "Bytes sent there.", proc.transmittedBytes),
    ...known(
      gauge,
      "process_virtual_memory_max_bytes",
      "Largest address space.",
      proc.addressSpaceLimitBytes,
    ),
    gauge(
      "promhttp_metric_handler_requests_in_flight",
      "Requests for metrics under way.",
      () => scrapes.inFlight,
    ),
    counter("promhttp_metric_handler_requests_total", "Requests for metrics, by status.", () =>
      Object.entries(scrapes.done).map(([code, value]) => ({ labels: { code }, value })),
    ),
    ...runtimeFamilies(pauses, proc.threads ?? 0, services),
  ];
}

/**
 * Under the names that etcd's runtime has for them, what this one knows of the same: dashboards and alerts look there. What
 * only Go's memory has is 0.
 */
function runtimeFamilies(pauses: GcPauses, threads: number, services: Services | undefined): Family[] {
  const heap = getHeapStatistics() as ReturnType<typeof getHeapStatistics> & {
    total_allocated_bytes?: number;
  };
  const allocated = heap.total_allocated_bytes ?? heap.used_heap_size;
  const free = heap.total_heap_size - heap.used_heap_size;
  const bytes = (name: string, help: string, value: number) =>
    gauge(`go_memstats_${name}_bytes`, help, () => value);
  const nothing = (name: string) => bytes(name, "Go's memory: there is none here.", 0);
  return [
    {
      name: "go_gc_duration_seconds",
      kind: "summary",
      help: "Pauses for the collection of garbage.",
      read: () => pauses.summary(),
    },
    gauge("go_gc_gogc_percent", "Go's setting for the growth of the heap: there is none here.", () => 100),
    gauge("go_gc_gomemlimit_bytes", "Limit of the heap.", () => heap.heap_size_limit),
    gauge(
      "go_goroutines",
      "What goes on at the same time: the event loop, and open calls.",
      () => 1 + openCalls(services),
    ),
    info("go_info", "The runtime.", "version", () => `node${process.versions.node}`),
    gauge("go_sched_gomaxprocs_threads", "Processors that can be used.", () => availableParallelism()),
    gauge("go_threads", "Threads.", () => threads),
    bytes("alloc", "Heap in use.", heap.used_heap_size),
    counter("go_memstats_alloc_bytes_total", "Bytes allocated on the heap.", () => allocated),
    bytes("heap_alloc", "Heap in use.", heap.used_heap_size),
    bytes("heap_inuse", "Heap in use.", heap.used_heap_size),
    bytes("heap_idle", "Heap that is not in use.", free),
    bytes("heap_released", "Heap that is not in memory.", heap.total_heap_size - heap.total_physical_size),
    bytes("heap_sys", "The heap.", heap.total_heap_size),
    bytes("sys", "The heap, and what it refers to outside.", heap.total_heap_size + heap.external_memory),
    bytes("other_sys", "Memory of the runtime itself.", heap.malloced_memory),
    bytes("next_gc", "Largest heap.", heap.heap_size_limit),
    gauge(
      "go_memstats_last_gc_time_seconds",
      "When garbage was collected last, in Unix time.",
      () => pauses.lastWallSeconds,
    ),
    gauge("go_memstats_heap_objects", "Handles of native objects.", () => heap.used_global_handles_size),
    counter("go_memstats_mallocs_total", "Go's memory: there is none here.", () => 0),
    counter("go_memstats_frees_total", "Go's memory: there is none here.", () => 0),
    ...["buck_hash_sys", "gc_sys", "mcache_inuse", "mcache_sys"].map(nothing),
    ...["mspan_inuse", "mspan_sys", "stack_inuse", "stack_sys"].map(nothing),
  ];
}

function openCalls(services: Services | undefined): number {
  let open = 0;
  for (const { started, handled } of services?.counts.methods.values() ?? []) {
    open += started;
    for (const ended of handled) open -= ended;
  }
  return open;
}
