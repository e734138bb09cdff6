package interop

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func TestLeaseGrantTimeToLiveRevoke(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	lease, err := c.Grant(ctx, 60)
	must(t, err)
	equal(t, "ttl", lease.TTL, int64(60))
	put(t, c, p+"b", "1", clientv3.WithLease(lease.ID))
	put(t, c, p+"a", "1", clientv3.WithLease(lease.ID))
	ttl, err := c.TimeToLive(ctx, lease.ID, clientv3.WithAttachedKeys())
	must(t, err)
	equal(t, "granted", ttl.GrantedTTL, int64(60))
	equal(t, "attached", len(ttl.Keys), 2)
	if ttl.TTL < 57 || ttl.TTL > 60 {
		t.Fatalf("remaining %d", ttl.TTL)
	}
	leases, err := c.Leases(ctx)
	must(t, err)
	listed := false
	for _, l := range leases.Leases {
		listed = listed || l.ID == lease.ID
	}
	equal(t, "listed", listed, true)
	ch := c.Watch(ctx, p, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	nextResponse(t, ch)
	_, err = c.Revoke(ctx, lease.ID)
	must(t, err)
	response := nextResponse(t, ch)
	equal(t, "one response", len(response.Events), 2)
	equal(t, "in key order", string(response.Events[0].Kv.Key), p+"a")
	equal(t, "one revision", response.Events[0].Kv.ModRevision, response.Events[1].Kv.ModRevision)
	_, err = c.Revoke(ctx, lease.ID)
	equal(t, "again", fmt.Sprint(err), fmt.Sprint(rpctypes.ErrLeaseNotFound))
	ttl, err = c.TimeToLive(ctx, lease.ID)
	must(t, err)
	equal(t, "ttl of a missing lease", ttl.TTL, int64(-1))
}

func TestLeaseErrors(t *testing.T) {
	c := newClient(t)
	ctx := newContext(t)
	_, err := c.Grant(ctx, 9_000_000_001)
	equal(t, "too large", fmt.Sprint(err), fmt.Sprint(rpctypes.ErrLeaseTTLTooLarge))
	_, err = c.KeepAliveOnce(ctx, 4711)
	equal(t, "unknown", fmt.Sprint(err), fmt.Sprint(rpctypes.ErrLeaseNotFound))
	lease, err := c.Grant(ctx, -5)
	must(t, err)
	if lease.TTL < 1 {
		t.Fatalf("ttl %d", lease.TTL)
	}
}

func TestLeaseKeepAliveAndExpiry(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	kept, err := c.Grant(ctx, 2)
	must(t, err)
	left, err := c.Grant(ctx, 2)
	must(t, err)
	put(t, c, p+"kept", "1", clientv3.WithLease(kept.ID))
	put(t, c, p+"left", "1", clientv3.WithLease(left.ID))
	ch := c.Watch(ctx, p+"left", clientv3.WithCreatedNotify())
	nextResponse(t, ch)
	keepCtx, stop := context.WithCancel(ctx)
	alive, err := c.KeepAlive(keepCtx, kept.ID)
	must(t, err)
	equal(t, "first answer", (<-alive).TTL, int64(2))
	events := nextEvents(t, ch, 1)
	equal(t, "expired", events[0].Type, clientv3.EventTypeDelete)
	time.Sleep(time.Second)
	equal(t, "the kept key is there", get(t, c, p+"kept").Count, int64(1))
	stop()
	once, err := c.KeepAliveOnce(ctx, kept.ID)
	must(t, err)
	equal(t, "once", once.TTL, int64(2))
}

func TestLeaseKeepAliveOfManyLeases(t *testing.T) {
	c := newClient(t)
	ctx := newContext(t)
	answers := map[clientv3.LeaseID]<-chan *clientv3.LeaseKeepAliveResponse{}
	for range 200 {
		lease, err := c.Grant(ctx, 30)
		must(t, err)
		answers[lease.ID], err = c.KeepAlive(ctx, lease.ID)
		must(t, err)
	}
	for id, alive := range answers {
		select {
		case answer, ok := <-alive:
			if !ok {
				t.Fatal("the keepalive channel was closed")
			}
			equal(t, "id", answer.ID, id)
		case <-time.After(10 * time.Second):
			t.Fatal("no keepalive answer")
		}
	}
}

func TestMutexExcludes(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	holders := 0
	done := make(chan error, 8)
	for range 8 {
		go func() {
			session, err := concurrency.NewSession(c, concurrency.WithTTL(10))
			if err != nil {
				done <- err
				return
			}
			defer session.Close()
			mutex := concurrency.NewMutex(session, p+"lock")
			for range 5 {
				if err := mutex.Lock(ctx); err != nil {
					done <- err
					return
				}
				holders++
				if holders != 1 {
					done <- fmt.Errorf("%d holders", holders)
					return
				}
				holders--
				if err := mutex.Unlock(ctx); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		must(t, <-done)
	}
}

func TestElection(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	first, err := concurrency.NewSession(c, concurrency.WithTTL(5))
	must(t, err)
	second, err := concurrency.NewSession(c, concurrency.WithTTL(5))
	must(t, err)
	defer second.Close()
	one, two := concurrency.NewElection(first, p), concurrency.NewElection(second, p)
	must(t, one.Campaign(ctx, "one"))
	observeCtx, stop := context.WithCancel(ctx)
	defer stop()
	observed := two.Observe(observeCtx)
	equal(t, "leader", string((<-observed).Kvs[0].Value), "one")
	must(t, one.Proclaim(ctx, "one again"))
	equal(t, "proclaimed", string((<-observed).Kvs[0].Value), "one again")
	elected := make(chan error, 1)
	go func() { elected <- two.Campaign(ctx, "two") }()
	must(t, first.Close())
	must(t, <-elected)
	leader, err := two.Leader(ctx)
	must(t, err)
	equal(t, "new leader", string(leader.Kvs[0].Value), "two")
	must(t, two.Resign(ctx))
}

func TestSoftwareTransactionalMemory(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	put(t, c, p+"n", "0")
	done := make(chan error, 8)
	for range 8 {
		go func() {
			for range 10 {
				_, err := concurrency.NewSTM(c, func(stm concurrency.STM) error {
					var n int
					fmt.Sscan(stm.Get(p+"n"), &n)
					stm.Put(p+"n", fmt.Sprint(n+1))
					return nil
				})
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		must(t, <-done)
	}
	equal(t, "every increment counted", string(get(t, c, p+"n").Kvs[0].Value), "80")
}

func TestMaintenance(t *testing.T) {
	c, p := newClient(t), newPrefix(t)
	ctx := newContext(t)
	endpoint := c.Endpoints()[0]
	put(t, c, p, "1")
	status, err := c.Status(ctx, endpoint)
	must(t, err)
	equal(t, "version", status.Version, "3.7.3")
	equal(t, "leader", status.Leader, status.Header.MemberId)
	equal(t, "learner", status.IsLearner, false)
	if status.DbSize <= 0 || status.DbSizeInUse <= 0 || status.RaftIndex == 0 || status.RaftAppliedIndex == 0 {
		t.Fatalf("status %v", status)
	}
	members, err := c.MemberList(ctx)
	must(t, err)
	equal(t, "members", len(members.Members), 1)
	equal(t, "member id", members.Members[0].ID, status.Header.MemberId)
	alarms, err := c.AlarmList(ctx)
	must(t, err)
	equal(t, "alarms", len(alarms.Alarms), 0)
	first, err := c.HashKV(ctx, endpoint, 0)
	must(t, err)
	again, err := c.HashKV(ctx, endpoint, first.Header.Revision)
	must(t, err)
	equal(t, "hash", again.Hash, first.Hash)
	equal(t, "hash revision", again.HashRevision, first.Header.Revision)
	_, err = c.Defragment(ctx, endpoint)
	must(t, err)
	after, err := c.HashKV(ctx, endpoint, first.Header.Revision)
	must(t, err)
	equal(t, "hash after defragmentation", after.Hash, first.Hash)
}
