import type { MemberParts } from "@quorate/server/simulation";
import { FUTURE_WATCHERS, RESTING_WATCHERS, SNAPSHOTS } from "./circumstances.ts";
import type { Exhibit } from "./exhibit.ts";
import { replaceMethod } from "./replace-method.ts";

type WatchHub = MemberParts["context"]["watches"];
type WatchStream = ReturnType<WatchHub["openStream"]>;
type Watcher = Parameters<WatchHub["register"]>[0];
type EventsBody = Parameters<WatchStream["sendBody"]>[1];

/** The message that is lost: one in so many. */
const LOST = 100;
/** `unsynced`; a part of the watch code that it does not hand out. */
const UNSYNCED: Watcher["state"] = 1;
const NO_WATCH_ID = -1n;

export const WATCH_EXHIBITS: readonly Exhibit[] = [
  {
    name: "unaware-watchers",
    mistake: "watchers are not told that a snapshot has replaced the state",
    origin: "ours",
    inMember({ parts }) {
      replaceMethod<WatchHub["storeReplaced"]>(parts.context.watches, "storeReplaced", () => () => {});
    },
  },
  {
    name: "forgetful-watch",
    mistake: "a watch stream loses a response now and then",
    origin: "ours",
    inMember({ parts }) {
      let sent = 0;
      replaceMethod<WatchHub["openStream"]>(
        parts.context.watches,
        "openStream",
        (openStream) => (sink, authorize) =>
          openStream(
            { ...sink, send: (message) => (++sent % LOST === 0 ? true : sink.send(message)) },
            authorize,
          ),
      );
    },
  },
  {
    name: "unsynchronized-progress",
    mistake: "a request for progress is answered with the current revision while events before it wait",
    origin: "etcd#15220",
    inMember({ parts }) {
      const { watches } = parts.context;
      onStream(watches, (stream) => {
        replaceMethod<() => void>(stream, "answerProgress", () => () => {
          post(stream, watches.responses.progress(watches.source.currentRevision, NO_WATCH_ID));
        });
      });
    },
  },
  {
    name: "no-progress-without-events",
    mistake:
      "a watcher that catches up without meeting an event counts as behind for ever, so progress is never told",
    origin: "etcd#17557",
    inMember({ parts }) {
      const { catchUp } = parts.context.watches;
      replaceMethod<Hand>(catchUp, "hand", (hand) => (watcher, body, next) => {
        hand(watcher, body, next);
        if (watcher.state !== UNSYNCED && body.count === 0) (watcher.stream as WatchStream).unsyncedCount++;
      });
    },
  },
  {
    name: "future-watch-tells-past",
    mistake: "a watcher of a future revision is told the progress and the events before it",
    origin: "etcd#20221",
    circumstances: SNAPSHOTS,
    inMember({ parts }) {
      const { watches } = parts.context;
      replaceMethod<WatchHub["register"]>(watches, "register", (register) => (watcher) => {
        const { currentRevision } = watches.source;
        watcher.next = Math.min(watcher.next, currentRevision + 1);
        register(watcher);
      });
    },
  },
  {
    name: "future-watch-tells-progress",
    mistake: "a watcher of a future revision is told that nothing happened up to an older one",
    origin: "etcd#20221",
    circumstances: SNAPSHOTS,
    inMember({ parts }) {
      const { watches } = parts.context;
      replaceMethod<WatchHub["register"]>(watches, "register", (register) => (watcher) => {
        Object.assign(watcher.options, { startRevision: 0 });
        Object.assign(watcher.stream, { greatestStart: 0 });
        register(watcher);
      });
    },
  },
  {
    name: "compacted-while-slow",
    mistake:
      "a watcher whose history is compacted while its stream is full goes on at the current revision, untold",
    origin: "etcd#17529",
    circumstances: RESTING_WATCHERS,
    inMember({ parts }) {
      const { watches } = parts.context;
      onStream(watches, (stream) => {
        replaceMethod<WatchStream["drained"]>(stream, "drained", (drained) => () => {
          const { compactRevision, currentRevision } = watches.source;
          for (const watcher of watchersOf(stream)) {
            if (watcher.state !== UNSYNCED || watcher.next >= compactRevision) continue;
            watcher.next = currentRevision + 1;
          }
          drained();
        });
      });
    },
  },
  {
    name: "unfiltered-history",
    mistake: "filters hold for new events alone, and not for those that are read from history",
    origin: "ours",
    inMember({ parts }) {
      const { catchUp } = parts.context.watches;
      replaceMethod<(job: { watcher: Watcher }, event: unknown) => boolean>(
        catchUp,
        "take",
        (take) => (job, event) => {
          const { watcher } = job;
          const { options } = watcher;
          Object.assign(watcher, { options: { ...options, noPut: false, noDelete: false } });
          const isTaken = take(job, event);
          Object.assign(watcher, { options });
          return isTaken;
        },
      );
    },
  },
  {
    name: "previous-value-of-now",
    mistake:
      "the previous value of an event is that before the newest change, not that before the event's own",
    origin: "ours",
    inMember({ parts }) {
      const { store } = parts;
      replaceMethod<typeof store.getAt>(
        store,
        "getAt",
        (getAt) => (key, revision) => getAt(key, Math.max(revision, store.currentRevision - 1)),
      );
    },
  },
  {
    name: "divided-revision",
    mistake: "the events of one transaction come in several responses",
    origin: "ours",
    inMember({ parts }) {
      onStream(parts.context.watches, (stream) => {
        replaceMethod<WatchStream["sendBody"]>(stream, "sendBody", (sendBody) => (watcher, body) => {
          if (body.events?.length !== 2) {
            sendBody(watcher, body);
            return;
          }
          for (const event of body.events) sendBody(watcher, bodyLike(body, [event]));
        });
      });
    },
  },
  {
    name: "watch-goes-back",
    mistake:
      "a watcher of a future revision goes back to the current one when a snapshot has replaced the state",
    origin: "etcd#15271",
    circumstances: FUTURE_WATCHERS,
    inMember({ parts }) {
      const { watches } = parts.context;
      const streams: WatchStream[] = [];
      onStream(watches, (stream) => streams.push(stream));
      replaceMethod<WatchHub["storeReplaced"]>(watches, "storeReplaced", (storeReplaced) => () => {
        storeReplaced();
        const next = watches.source.currentRevision + 1;
        for (const watcher of streams.flatMap((stream) => [...watchersOf(stream)])) {
          if (watcher.next > next) watcher.next = next;
        }
      });
    },
  },
];

type Hand = (watcher: Watcher, body: EventsBody, next: number) => void;

function onStream(watches: WatchHub, change: (stream: WatchStream) => void): void {
  replaceMethod<WatchHub["openStream"]>(watches, "openStream", (openStream) => (sink, authorize) => {
    const stream = openStream(sink, authorize);
    change(stream);
    return stream;
  });
}

/** Behind what the stream has sent, whatever else waits. */
function post(stream: WatchStream, message: Uint8Array): void {
  (Reflect.get(stream, "post") as (message: Uint8Array, events: number) => void).call(stream, message, 0);
}

function watchersOf(stream: WatchStream): Iterable<Watcher> {
  return (Reflect.get(stream, "watchers") as Map<bigint, Watcher>).values();
}

function bodyLike(body: EventsBody, events: readonly Uint8Array[]): EventsBody {
  return Reflect.construct(body.constructor as new () => EventsBody, [body.header, events]) as EventsBody;
}
