package interop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func TestWatchSeesPutsAndDeletes(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	ch := c.Watch(ctx, p, clientv3.WithPrefix(), clientv3.WithPrevKV(), clientv3.WithCreatedNotify())
	equal(t, "created", nextResponse(t, ch).Created, true)
	created := put(t, c, p+"a", "1").Header.Revision
	put(t, c, p+"a", "2")
	deleted, err := c.Delete(ctx, p+"a")
	must(t, err)
	events := nextEvents(t, ch, 3)
	equal(t, "create", events[0].IsCreate(), true)
	equal(t, "no previous record", events[0].PrevKv == nil, true)
	equal(t, "modify", events[1].IsModify(), true)
	equal(t, "previous value", string(events[1].PrevKv.Value), "1")
	equal(t, "create revision", events[1].Kv.CreateRevision, created)
	equal(t, "delete", events[2].Type, clientv3.EventTypeDelete)
	equal(t, "delete revision", events[2].Kv.ModRevision, deleted.Header.Revision)
	equal(t, "deleted value", string(events[2].PrevKv.Value), "2")
}

func TestWatchFromThePast(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	// Leases of other tests may expire in between, so the revisions need not be contiguous.
	revisions := []int64{}
	for i := range 2500 {
		revisions = append(revisions, put(t, c, p+"a", fmt.Sprint(i)).Header.Revision)
	}
	ch := c.Watch(newContext(t), p+"a", clientv3.WithRev(revisions[0]))
	events := nextEvents(t, ch, 2500)
	for i, event := range events {
		equal(t, "revision", event.Kv.ModRevision, revisions[i])
		equal(t, "value", string(event.Kv.Value), fmt.Sprint(i))
	}
}

func TestWatchFromTheFuture(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	now := put(t, c, p+"a", "0").Header.Revision
	ch := c.Watch(newContext(t), p+"a", clientv3.WithRev(now+3))
	for i := 1; i <= 4; i++ {
		put(t, c, p+"a", fmt.Sprint(i))
	}
	events := nextEvents(t, ch, 2)
	equal(t, "first event", events[0].Kv.ModRevision, now+3)
}

func TestWatchTxnIsOneResponse(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	ch := c.Watch(ctx, p, clientv3.WithPrefix())
	put(t, c, p+"z", "1")
	nextEvents(t, ch, 1)
	r, err := c.Txn(ctx).Then(clientv3.OpPut(p+"c", "1"), clientv3.OpPut(p+"a", "2"), clientv3.OpDelete(p+"z"), clientv3.OpPut(p+"b", "3")).Commit()
	must(t, err)
	response := nextResponse(t, ch)
	order := ""
	for _, event := range response.Events {
		equal(t, "revision", event.Kv.ModRevision, r.Header.Revision)
		order += strings.TrimPrefix(string(event.Kv.Key), p)
	}
	equal(t, "order of operations", order, "cazb")
}

func TestWatchFilters(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	noPut := c.Watch(ctx, p, clientv3.WithPrefix(), clientv3.WithFilterPut(), clientv3.WithRev(1<<40))
	_ = noPut
	start := put(t, c, p+"start", "").Header.Revision + 1
	puts := c.Watch(ctx, p, clientv3.WithPrefix(), clientv3.WithFilterDelete(), clientv3.WithRev(start))
	deletes := c.Watch(ctx, p, clientv3.WithPrefix(), clientv3.WithFilterPut(), clientv3.WithRev(start))
	put(t, c, p+"a", "1")
	_, err := c.Delete(ctx, p+"a")
	must(t, err)
	put(t, c, p+"b", "1")
	_, err = c.Delete(ctx, p+"b")
	must(t, err)
	for i, event := range nextEvents(t, puts, 2) {
		equal(t, "put", fmt.Sprint(event.Type, string(event.Kv.Key)), "PUT"+p+string(rune('a'+i)))
	}
	for i, event := range nextEvents(t, deletes, 2) {
		equal(t, "delete", fmt.Sprint(event.Type, string(event.Kv.Key)), "DELETE"+p+string(rune('a'+i)))
	}
}

func TestWatchFragmentsLargeResponses(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	value := strings.Repeat("x", 400_000)
	first := int64(0)
	for i := range 20 {
		revision := put(t, c, fmt.Sprintf("%s%02d", p, i), value).Header.Revision
		if first == 0 {
			first = revision
		}
	}
	// The client puts the parts together again; raw parts are checked by the grpc-js suite.
	ch := c.Watch(ctx, p, clientv3.WithPrefix(), clientv3.WithRev(first), clientv3.WithFragment())
	for i, event := range nextEvents(t, ch, 20) {
		equal(t, "key", string(event.Kv.Key), fmt.Sprintf("%s%02d", p, i))
		equal(t, "value length", len(event.Kv.Value), len(value))
	}
}

func TestWatchProgressRequest(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	ch := c.Watch(ctx, p, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	nextResponse(t, ch)
	revision := put(t, c, p+"a", "1").Header.Revision
	nextEvents(t, ch, 1)
	unrelated := put(t, c, "elsewhere", "1").Header.Revision
	for {
		must(t, c.RequestProgress(ctx))
		select {
		case r := <-ch:
			equal(t, "progress", r.IsProgressNotify(), true)
			if r.Header.Revision < revision {
				t.Fatalf("progress %d before event %d", r.Header.Revision, revision)
			}
			if r.Header.Revision >= unrelated {
				return
			}
		case <-time.After(time.Second):
		}
	}
}

func TestWatchBelowCompactionIsCancelled(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	first := put(t, c, p+"a", "1").Header.Revision
	put(t, c, p+"a", "2")
	deleted, err := c.Delete(ctx, p+"a")
	must(t, err)
	compacted := deleted.Header.Revision
	_, err = c.Compact(ctx, compacted, clientv3.WithCompactPhysical())
	must(t, err)
	r := nextResponse(t, c.Watch(ctx, p+"a", clientv3.WithRev(first)))
	equal(t, "canceled", r.Canceled, true)
	equal(t, "compact revision", r.CompactRevision, compacted)
	equal(t, "error", errors.Is(r.Err(), rpctypes.ErrCompacted), true)
	events := nextEvents(t, c.Watch(ctx, p+"a", clientv3.WithRev(compacted)), 1)
	equal(t, "the delete at the compacted revision", events[0].Type, clientv3.EventTypeDelete)
}

func TestManyWatchersOnOneStream(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	channels := make([]clientv3.WatchChan, 500)
	for i := range channels {
		if i%2 == 0 {
			channels[i] = c.Watch(ctx, p, clientv3.WithPrefix())
		} else {
			channels[i] = c.Watch(ctx, fmt.Sprintf("%s%d", p, i%10))
		}
	}
	for i := range 10 {
		put(t, c, fmt.Sprintf("%s%d", p, i), "v")
	}
	for i, ch := range channels {
		want := 10
		if i%2 == 1 {
			want = 1
		}
		nextEvents(t, ch, want)
	}
}

func TestWatchersOfOwnStreamsAreIndependent(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	parent := newContext(t)
	type contextKey int
	cancels := []context.CancelFunc{}
	channels := []clientv3.WatchChan{}
	for i := range 50 {
		// Requires-leader metadata and a value of its own make the client open one stream a watcher.
		ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(context.WithValue(parent, contextKey(0), i)))
		cancels = append(cancels, cancel)
		channels = append(channels, c.Watch(ctx, p, clientv3.WithPrefix(), clientv3.WithCreatedNotify()))
	}
	for _, ch := range channels {
		nextResponse(t, ch)
	}
	for i := range 25 {
		cancels[i]()
	}
	put(t, c, p+"a", "1")
	for i := 25; i < 50; i++ {
		nextEvents(t, channels[i], 1)
	}
	for i := range 25 {
		for range channels[i] {
			t.Fatal("an event after cancel")
		}
	}
	for i := 25; i < 50; i++ {
		cancels[i]()
	}
}

func TestWatchSurvivesASlowReader(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	ch := c.Watch(ctx, p, clientv3.WithPrefix())
	value := strings.Repeat("s", 10_000)
	revisions := []int64{}
	for range 2000 {
		revisions = append(revisions, put(t, c, p+"a", value).Header.Revision)
	}
	for i, event := range nextEvents(t, ch, 2000) {
		equal(t, "revision", event.Kv.ModRevision, revisions[i])
	}
}
