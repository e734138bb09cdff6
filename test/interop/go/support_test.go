// Package interop drives a running member with etcd's own Go client. ENDPOINT names the member.
package interop

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

var prefixes atomic.Int64

// newClient dials the member; the client is closed when the test ends.
func newClient(t *testing.T) *clientv3.Client {
	t.Helper()
	endpoint := os.Getenv("ENDPOINT")
	if endpoint == "" {
		t.Fatal("ENDPOINT is not set")
	}
	c, err := clientv3.New(clientv3.Config{
		Endpoints:   []string{endpoint},
		DialTimeout: 5 * time.Second,
		Logger:      zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64 << 20))},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// newPrefix keeps the tests of one run apart.
func newPrefix(t *testing.T) string {
	return fmt.Sprintf("%s/%d/", t.Name(), prefixes.Add(1))
}

func newContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func put(t *testing.T, c *clientv3.Client, key, value string, opts ...clientv3.OpOption) *clientv3.PutResponse {
	t.Helper()
	r, err := c.Put(newContext(t), key, value, opts...)
	must(t, err)
	return r
}

func get(t *testing.T, c *clientv3.Client, key string, opts ...clientv3.OpOption) *clientv3.GetResponse {
	t.Helper()
	r, err := c.Get(newContext(t), key, opts...)
	must(t, err)
	return r
}

// nextResponse is the next message of a watch channel; progress and created notices included.
func nextResponse(t *testing.T, ch clientv3.WatchChan) clientv3.WatchResponse {
	t.Helper()
	select {
	case r, ok := <-ch:
		if !ok {
			t.Fatal("watch channel closed")
		}
		return r
	case <-time.After(15 * time.Second):
		t.Fatal("no watch response within 15 s")
	}
	panic("unreachable")
}

// nextEvents collects n events.
func nextEvents(t *testing.T, ch clientv3.WatchChan, n int) []*clientv3.Event {
	t.Helper()
	var events []*clientv3.Event
	for len(events) < n {
		r := nextResponse(t, ch)
		must(t, r.Err())
		events = append(events, r.Events...)
	}
	equal(t, "number of events", len(events), n)
	return events
}

func keysOf(r *clientv3.GetResponse) string {
	text := ""
	for i, kv := range r.Kvs {
		if i > 0 {
			text += " "
		}
		text += string(kv.Key)
	}
	return text
}
