package failpoint

import (
	"context"
	"os"
	"testing"
	"time"

	"go.uber.org/zap"

	"go.etcd.io/etcd/pkg/v3/proxy"
	"go.etcd.io/etcd/tests/v3/framework/e2e"
	"go.etcd.io/etcd/tests/v3/robustness/identity"
	"go.etcd.io/etcd/tests/v3/robustness/report"
)

// The proxies between members stand still for good after sixteen failed dials, whoever made them, since nobody takes their
// errors. A member that is slow to start on a busy machine gets there, and is never reached again.
func init() {
	if os.Getenv("ROBUSTNESS_AS_RELEASED") != "" {
		return
	}
	for i, failpoint := range allFailpoints {
		allFailpoints[i] = withLastingProxies{failpoint}
	}
}

// withLastingProxies takes the errors of all proxies from the injection on.
type withLastingProxies struct {
	Failpoint
}

func (f withLastingProxies) Inject(ctx context.Context, t *testing.T, lg *zap.Logger, clus *e2e.EtcdProcessCluster, baseTime time.Time, ids identity.Provider) ([]report.ClientReport, error) {
	for _, member := range clus.Procs {
		if p := member.PeerProxy(); p != nil {
			go takeErrors(p)
		}
	}
	return f.Failpoint.Inject(ctx, t, lg, clus, baseTime, ids)
}

func (f withLastingProxies) Timeout() time.Duration {
	if own, ok := f.Failpoint.(TimeoutInterface); ok {
		return own.Timeout()
	}
	return triggerTimeout
}

func takeErrors(p proxy.Server) {
	for {
		select {
		case <-p.Error():
		case <-p.Done():
			return
		}
	}
}
