// Load through Go's clientv3: one client a connection, one goroutine a stream. Takes the options of etcdload.c and
// prints the same JSON; operations are put and range.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

func cpuOf(pid int) int64 {
	if pid == 0 {
		return 0
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		panic(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return (user + system) * 10_000
}

func ownCpu() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Sec*1e6 + int64(usage.Utime.Usec) + usage.Stime.Sec*1e6 + int64(usage.Stime.Usec)
}

func main() {
	op := flag.String("op", "put", "")
	port := flag.Int("port", 2379, "")
	pid := flag.Int("pid", 0, "")
	connections := flag.Int("connections", 1, "")
	streams := flag.Int("streams", 1, "")
	seconds := flag.Float64("seconds", 5, "")
	warmup := flag.Float64("warmup", 1, "")
	seed := flag.Uint64("seed", 1, "")
	keys := flag.Int("keys", 100_000, "")
	keySize := flag.Int("key-size", 32, "")
	valueSize := flag.Int("value-size", 256, "")
	flag.Parse()

	value := strings.Repeat("Z", *valueSize)
	var measuring, stopping atomic.Bool
	var failed atomic.Int64
	var firstError atomic.Value
	var wg sync.WaitGroup
	lanes := make([][]time.Duration, *connections**streams)
	for c := range *connections {
		client, err := clientv3.New(clientv3.Config{
			Endpoints: []string{fmt.Sprintf("127.0.0.1:%d", *port)}, DialTimeout: 10 * time.Second, Logger: zap.NewNop(),
		})
		if err != nil {
			panic(err)
		}
		for s := range *streams {
			lane := c**streams + s
			random := rand.New(rand.NewPCG(*seed, uint64(lane)))
			wg.Add(1)
			go func() {
				defer wg.Done()
				for !stopping.Load() {
					key := fmt.Sprintf("key/%0*d", *keySize-4, random.IntN(*keys))
					started := time.Now()
					var err error
					if *op == "put" {
						_, err = client.Put(context.Background(), key, value)
					} else {
						_, err = client.Get(context.Background(), key)
					}
					if measuring.Load() {
						lanes[lane] = append(lanes[lane], time.Since(started))
						if err != nil {
							failed.Add(1)
							firstError.CompareAndSwap(nil, err.Error())
						}
					}
				}
			}()
		}
	}
	time.Sleep(time.Duration(*warmup * float64(time.Second)))
	serverCpu, cpu := cpuOf(*pid), ownCpu()
	measuring.Store(true)
	started := time.Now()
	time.Sleep(time.Duration(*seconds * float64(time.Second)))
	measuring.Store(false)
	elapsed := time.Since(started).Seconds()
	serverCpu, cpu = cpuOf(*pid)-serverCpu, ownCpu()-cpu
	stopping.Store(true)
	wg.Wait()
	var all []time.Duration
	for _, lane := range lanes {
		all = append(all, lane...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	at := func(p float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return float64(all[int(math.Min(float64(len(all)-1), float64(len(all))*p))].Nanoseconds()) / 1000
	}
	text, _ := firstError.Load().(string)
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"requests": len(all), "failed": failed.Load(), "seconds": elapsed, "perSecond": float64(len(all)) / elapsed,
		"p50Us": at(0.5), "p99Us": at(0.99), "p999Us": at(0.999), "serverCpuUs": serverCpu, "clientCpuUs": cpu,
		"firstError": text,
	})
}
