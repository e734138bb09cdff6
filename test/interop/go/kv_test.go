package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func TestPutReturnsRevisionsAndThePreviousRecord(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	first := put(t, c, p+"a", "1")
	second := put(t, c, p+"a", "2", clientv3.WithPrevKV())
	equal(t, "revision", second.Header.Revision, first.Header.Revision+1)
	equal(t, "previous value", string(second.PrevKv.Value), "1")
	equal(t, "previous mod revision", second.PrevKv.ModRevision, first.Header.Revision)
	kv := get(t, c, p+"a").Kvs[0]
	equal(t, "create revision", kv.CreateRevision, first.Header.Revision)
	equal(t, "mod revision", kv.ModRevision, second.Header.Revision)
	equal(t, "version", kv.Version, int64(2))
}

func TestPutIgnoreValueAndIgnoreLease(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	lease, err := c.Grant(ctx, 100)
	must(t, err)
	put(t, c, p+"a", "1", clientv3.WithLease(lease.ID))
	put(t, c, p+"a", "", clientv3.WithIgnoreValue())
	kv := get(t, c, p+"a").Kvs[0]
	equal(t, "value kept", string(kv.Value), "1")
	equal(t, "lease dropped", kv.Lease, int64(0))
	put(t, c, p+"a", "1", clientv3.WithLease(lease.ID))
	put(t, c, p+"a", "2", clientv3.WithIgnoreLease())
	kv = get(t, c, p+"a").Kvs[0]
	equal(t, "value", string(kv.Value), "2")
	equal(t, "lease kept", kv.Lease, int64(lease.ID))
	_, err = c.Put(ctx, p+"missing", "", clientv3.WithIgnoreValue())
	equal(t, "error", fmt.Sprint(err), fmt.Sprint(rpctypes.ErrKeyNotFound))
}

func TestKvErrorsAreEtcdErrors(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	for _, test := range []struct {
		name string
		call func() error
		want error
	}{
		{"empty key", func() error { _, err := c.Put(ctx, "", "v"); return err }, rpctypes.ErrEmptyKey},
		{"unknown lease", func() error { _, err := c.Put(ctx, p, "v", clientv3.WithLease(4711)); return err }, rpctypes.ErrLeaseNotFound},
		{"future revision", func() error { _, err := c.Get(ctx, p, clientv3.WithRev(1<<50)); return err }, rpctypes.ErrFutureRev},
		{"future compaction", func() error { _, err := c.Compact(ctx, 1<<50); return err }, rpctypes.ErrFutureRev},
		{"duplicate key in a txn", func() error {
			_, err := c.Txn(ctx).Then(clientv3.OpPut(p, "1"), clientv3.OpPut(p, "2")).Commit()
			return err
		}, rpctypes.ErrDuplicateKey},
		{"too many operations", func() error {
			ops := make([]clientv3.Op, 129)
			for i := range ops {
				ops[i] = clientv3.OpGet(p)
			}
			_, err := c.Txn(ctx).Then(ops...).Commit()
			return err
		}, rpctypes.ErrTooManyOps},
		{"too large request", func() error { _, err := c.Put(ctx, p, strings.Repeat("x", 1_600_000)); return err }, rpctypes.ErrRequestTooLarge},
	} {
		if err := test.call(); !errors.Is(err, test.want) && fmt.Sprint(err) != fmt.Sprint(test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
}

func TestGetWithEveryOption(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	base := put(t, c, p+"a", "3").Header.Revision
	put(t, c, p+"b", "1")
	put(t, c, p+"c", "2")
	put(t, c, p+"b", "9")
	for _, test := range []struct {
		name  string
		key   string
		opts  []clientv3.OpOption
		want  string
		count int64
		more  bool
	}{
		{"one key", "b", nil, "b", 1, false},
		{"a missing key", "x", nil, "", 0, false},
		{"prefix", "", []clientv3.OpOption{clientv3.WithPrefix()}, "a b c", 3, false},
		{"range", "a", []clientv3.OpOption{clientv3.WithRange(p + "c")}, "a b", 2, false},
		{"an inverted range", "c", []clientv3.OpOption{clientv3.WithRange(p + "a")}, "", 0, false},
		{"limit", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithLimit(2)}, "a b", 3, true},
		{"limit equal to the count", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithLimit(3)}, "a b c", 3, false},
		{"keys descending", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend)}, "c b a", 3, false},
		{"by value", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByValue, clientv3.SortAscend)}, "c a b", 3, false},
		{"by version", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByVersion, clientv3.SortDescend)}, "b a c", 3, false},
		{"by create revision", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByCreateRevision, clientv3.SortDescend)}, "c b a", 3, false},
		{"by mod revision", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByModRevision, clientv3.SortAscend)}, "a c b", 3, false},
		{"first created", "", append(clientv3.WithFirstCreate(), clientv3.WithPrefix()), "a", 3, true},
		{"last key", "", append(clientv3.WithLastKey(), clientv3.WithPrefix()), "c", 3, true},
		{"last revision", "", append(clientv3.WithLastRev(), clientv3.WithPrefix()), "b", 3, true},
		{"min mod revision", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithMinModRev(base + 2)}, "b c", 3, false},
		{"max mod revision", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithMaxModRev(base)}, "a", 3, false},
		{"min create revision", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithMinCreateRev(base + 1)}, "b c", 3, false},
		{"max create revision", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithMaxCreateRev(base + 1)}, "a b", 3, false},
		{"at an older revision", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithRev(base + 1)}, "a b", 2, false},
		{"serializable", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithSerializable()}, "a b c", 3, false},
		{"count only", "", []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithCountOnly()}, "", 3, false},
	} {
		r := get(t, c, p+test.key, test.opts...)
		if got := strings.ReplaceAll(keysOf(r), p, ""); got != test.want || r.Count != test.count || r.More != test.more {
			t.Errorf("%s: got %q count %d more %v, want %q count %d more %v", test.name, got, r.Count, r.More, test.want, test.count, test.more)
		}
	}
	r := get(t, c, p, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	equal(t, "keys only has no values", len(r.Kvs[0].Value), 0)
	equal(t, "keys only has revisions", r.Kvs[1].ModRevision, base+3)
	r = get(t, c, "\x00", clientv3.WithFromKey(), clientv3.WithCountOnly())
	if r.Count < 3 {
		t.Fatalf("from key counts %d", r.Count)
	}
	old := get(t, c, p+"b", clientv3.WithRev(base+1))
	equal(t, "old value", string(old.Kvs[0].Value), "1")
}

func TestDelete(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	for _, key := range []string{"a", "b", "c"} {
		put(t, c, p+key, "v"+key)
	}
	before := get(t, c, p).Header.Revision
	r, err := c.Delete(ctx, p+"nothing")
	must(t, err)
	equal(t, "deleted", r.Deleted, int64(0))
	equal(t, "revision of deleting nothing", r.Header.Revision, before)
	r, err = c.Delete(ctx, p+"a", clientv3.WithPrevKV())
	must(t, err)
	equal(t, "previous", string(r.PrevKvs[0].Value), "va")
	equal(t, "revision", r.Header.Revision, before+1)
	r, err = c.Delete(ctx, p, clientv3.WithPrefix(), clientv3.WithPrevKV())
	must(t, err)
	equal(t, "deleted", r.Deleted, int64(2))
	equal(t, "ordered", string(r.PrevKvs[0].Key)+string(r.PrevKvs[1].Key), p+"b"+p+"c")
	equal(t, "left", get(t, c, p, clientv3.WithPrefix()).Count, int64(0))
	created := put(t, c, p+"a", "again").Header.Revision
	kv := get(t, c, p+"a").Kvs[0]
	equal(t, "a new life has version 1", kv.Version, int64(1))
	equal(t, "a new life has a new create revision", kv.CreateRevision, created)
}

func TestTxnComparesBranchesAndNesting(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	created := put(t, c, p+"a", "5").Header.Revision
	modified := put(t, c, p+"a", "5").Header.Revision
	a := p + "a"
	for _, test := range []struct {
		name string
		cmp  clientv3.Cmp
		want bool
	}{
		{"value equal", clientv3.Compare(clientv3.Value(a), "=", "5"), true},
		{"value greater", clientv3.Compare(clientv3.Value(a), ">", "4"), true},
		{"value not equal", clientv3.Compare(clientv3.Value(a), "!=", "5"), false},
		{"value of a missing key", clientv3.Compare(clientv3.Value(p+"x"), "!=", "5"), false},
		{"version", clientv3.Compare(clientv3.Version(a), "=", 2), true},
		{"version less", clientv3.Compare(clientv3.Version(a), "<", 2), false},
		{"version of a missing key", clientv3.Compare(clientv3.Version(p+"x"), "=", 0), true},
		{"create revision", clientv3.Compare(clientv3.CreateRevision(a), "=", created), true},
		{"mod revision", clientv3.Compare(clientv3.ModRevision(a), "=", modified), true},
		{"lease", clientv3.Compare(clientv3.LeaseValue(a), "=", 0), true},
		{"every key of a range", clientv3.Compare(clientv3.Version(p), ">", 1).WithPrefix(), true},
	} {
		r, err := c.Txn(ctx).If(test.cmp).Then(clientv3.OpGet(a)).Else(clientv3.OpGet(a), clientv3.OpGet(a)).Commit()
		must(t, err)
		want := 2
		if test.want {
			want = 1
		}
		if r.Succeeded != test.want || len(r.Responses) != want {
			t.Errorf("%s: succeeded %v with %d responses", test.name, r.Succeeded, len(r.Responses))
		}
	}
	r, err := c.Txn(ctx).If(clientv3.Compare(clientv3.Version(a), "=", 2)).Then(
		clientv3.OpPut(p+"b", "1"),
		clientv3.OpGet(p+"b"),
		clientv3.OpTxn(
			[]clientv3.Cmp{clientv3.Compare(clientv3.Version(p+"b"), "=", 0)},
			[]clientv3.Op{clientv3.OpPut(p+"c", "inner"), clientv3.OpGet(p, clientv3.WithPrefix())},
			nil),
		clientv3.OpDelete(a, clientv3.WithPrevKV()),
	).Commit()
	must(t, err)
	equal(t, "one revision", r.Header.Revision, modified+1)
	equal(t, "a range sees the put before it", string(r.Responses[1].GetResponseRange().Kvs[0].Value), "1")
	inner := r.Responses[2].GetResponseTxn()
	equal(t, "nested compares see the state before", inner.Succeeded, true)
	equal(t, "nested ranges see the writes", len(inner.Responses[1].GetResponseRange().Kvs), 3)
	equal(t, "deleted", r.Responses[3].GetResponseDeleteRange().Deleted, int64(1))
	kv := get(t, c, p+"c").Kvs[0]
	equal(t, "same revision for all", kv.ModRevision, r.Header.Revision)
}

func TestTxnOfMaximumSize(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ops := make([]clientv3.Op, 128)
	for i := range ops {
		ops[i] = clientv3.OpPut(fmt.Sprintf("%s%03d", p, i), "v")
	}
	r, err := c.Txn(newContext(t)).Then(ops...).Commit()
	must(t, err)
	all := get(t, c, p, clientv3.WithPrefix())
	equal(t, "keys", all.Count, int64(128))
	for _, kv := range all.Kvs {
		equal(t, "mod revision", kv.ModRevision, r.Header.Revision)
	}
}

func TestCompactionHidesOlderRevisions(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	first := put(t, c, p+"a", "1").Header.Revision
	second := put(t, c, p+"a", "2").Header.Revision
	put(t, c, p+"a", "3")
	_, err := c.Compact(ctx, second, clientv3.WithCompactPhysical())
	must(t, err)
	_, err = c.Get(ctx, p+"a", clientv3.WithRev(first))
	equal(t, "error", fmt.Sprint(err), fmt.Sprint(rpctypes.ErrCompacted))
	equal(t, "at the compacted revision", string(get(t, c, p+"a", clientv3.WithRev(second)).Kvs[0].Value), "2")
	_, err = c.Compact(ctx, second)
	equal(t, "again", fmt.Sprint(err), fmt.Sprint(rpctypes.ErrCompacted))
}

func TestRangeStreamEqualsRange(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	value := strings.Repeat("v", 20_000)
	for i := range 300 {
		put(t, c, fmt.Sprintf("%s%04d", p, i), value)
	}
	for _, test := range []struct {
		name string
		opts []clientv3.OpOption
	}{
		{"all", nil},
		{"limit", []clientv3.OpOption{clientv3.WithLimit(57)}},
		{"count only", []clientv3.OpOption{clientv3.WithCountOnly()}},
		{"keys only", []clientv3.OpOption{clientv3.WithKeysOnly()}},
		{"serializable", []clientv3.OpOption{clientv3.WithSerializable()}},
	} {
		opts := append([]clientv3.OpOption{clientv3.WithPrefix()}, test.opts...)
		stream, err := c.GetStream(ctx, p, opts...)
		must(t, err)
		streamed, err := clientv3.GetStreamToGetResponse(stream)
		must(t, err)
		unary := get(t, c, p, opts...)
		if len(streamed.Kvs) != len(unary.Kvs) || streamed.Count != unary.Count || streamed.More != unary.More ||
			streamed.Header.Revision != unary.Header.Revision {
			t.Errorf("%s: %d keys count %d more %v, unary has %d keys count %d more %v", test.name,
				len(streamed.Kvs), streamed.Count, streamed.More, len(unary.Kvs), unary.Count, unary.More)
			continue
		}
		for i := range unary.Kvs {
			if !bytes.Equal(streamed.Kvs[i].Key, unary.Kvs[i].Key) || !bytes.Equal(streamed.Kvs[i].Value, unary.Kvs[i].Value) {
				t.Errorf("%s: record %d differs", test.name, i)
			}
		}
	}
}

func TestBigValues(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	value := bytes.Repeat([]byte{0, 255, 10, 13}, 375_000)
	for i := range 8 {
		put(t, c, fmt.Sprintf("%s%d", p, i), string(value))
	}
	r := get(t, c, p, clientv3.WithPrefix())
	equal(t, "keys", len(r.Kvs), 8)
	for _, kv := range r.Kvs {
		if !bytes.Equal(kv.Value, value) {
			t.Fatal("value differs")
		}
	}
}

func TestBinaryKeys(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	keys := []string{p + "\x00", p + "\x00\x00", p + "\x01", p + "\x7f", p + "\x80", p + "\xff", p + "\xff\xff"}
	for i := range keys {
		put(t, c, keys[len(keys)-1-i], "")
	}
	r := get(t, c, p, clientv3.WithPrefix())
	equal(t, "count", len(r.Kvs), len(keys))
	for i, kv := range r.Kvs {
		equal(t, "key", string(kv.Key), keys[i])
	}
}

func TestDeadlinesAndCancellation(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	expired, cancel := context.WithTimeout(context.Background(), 1)
	defer cancel()
	if _, err := c.Get(expired, p); err == nil {
		t.Fatal("an expired deadline succeeded")
	}
	for range 200 {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			c.Put(ctx, p+"a", "v")
			c.Get(ctx, p, clientv3.WithPrefix())
			close(done)
		}()
		cancel()
		<-done
	}
	put(t, c, p+"after", "1")
	equal(t, "the connection still works", get(t, c, p+"after").Count, int64(1))
}

func TestManyConcurrentCallers(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	var wg sync.WaitGroup
	failures := make(chan error, 64)
	for worker := range 64 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			key := fmt.Sprintf("%s%d", p, worker)
			last := int64(0)
			for i := range 50 {
				r, err := c.Put(ctx, key, fmt.Sprint(i))
				if err != nil {
					failures <- err
					return
				}
				if r.Header.Revision <= last {
					failures <- fmt.Errorf("revision %d after %d", r.Header.Revision, last)
					return
				}
				last = r.Header.Revision
				g, err := c.Get(ctx, key)
				if err != nil || string(g.Kvs[0].Value) != fmt.Sprint(i) || g.Kvs[0].ModRevision != last {
					failures <- fmt.Errorf("read after write: %v %v", g, err)
					return
				}
			}
		}()
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
}
