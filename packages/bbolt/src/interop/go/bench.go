package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Gets, scans and opens are done so often, and the best counts.
const repeats = 5

var benchBucket = []byte("key")

// What one phase of the benchmark took, in nanoseconds a record.
type phase struct {
	Name  string  `json:"name"`
	Ns    float64 `json:"ns"`
	CPUNs float64 `json:"cpuNs"`
}

// Time on the clock, and of all processors in all threads of the process, between starts and stops.
type stopwatch struct {
	wall, cpu time.Duration
	begun     time.Time
	cpuBegun  time.Duration
}

func (s *stopwatch) start() {
	s.cpuBegun = cpuOfProcess()
	s.begun = time.Now()
}

func (s *stopwatch) stop() {
	s.wall += time.Since(s.begun)
	s.cpu += cpuOfProcess() - s.cpuBegun
}

func (s *stopwatch) phase(name string, records int) phase {
	return phase{name, float64(s.wall.Nanoseconds()) / float64(records), float64(s.cpu.Nanoseconds()) / float64(records)}
}

func cpuOfProcess() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

type benchmark struct {
	path                             string
	transactions, records, valueSize int
	total                            int
	phases                           []phase
}

// Runs the benchmark's phases on an empty file: transactions, records of each, bytes of a value.
func bench(r *request) ([]byte, error) {
	b := &benchmark{path: string(r.bytes())}
	b.transactions, b.records, b.valueSize = int(r.u32()), int(r.u32()), int(r.u32())
	b.total = b.transactions * b.records
	db, err := bolt.Open(b.path, 0o600, optionsOf(false))
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	for _, order := range []string{"sequential", "random"} {
		if err := b.puts(db, order); err != nil {
			return nil, err
		}
	}
	if err := db.View(b.reads); err != nil {
		return nil, err
	}
	for _, order := range []string{"sequential", "random"} {
		if err := b.deletes(db, order); err != nil {
			return nil, err
		}
	}
	for _, stored := range []bool{false, true} {
		if db, err = b.opens(db, stored); err != nil {
			return nil, err
		}
	}
	return json.Marshal(b.phases)
}

func (b *benchmark) puts(db *bolt.DB, order string) error {
	var both, putting stopwatch
	random := rand.New(rand.NewSource(1))
	value := make([]byte, b.valueSize)
	for t := 0; t < b.transactions; t++ {
		tx, err := db.Begin(true)
		if err != nil {
			return err
		}
		bucket, err := tx.CreateBucketIfNotExists(benchBucket)
		if err != nil {
			return err
		}
		bucket.FillPercent = 0.9
		both.start()
		putting.start()
		for i := 0; i < b.records; i++ {
			number := t*b.records + i
			if order == "random" {
				number = random.Intn(b.total)
			}
			if err := bucket.Put(benchKey(number), value); err != nil {
				return err
			}
		}
		putting.stop()
		if err := tx.Commit(); err != nil {
			return err
		}
		both.stop()
	}
	b.phases = append(b.phases, both.phase(order+" put and commit", b.total), putting.phase(order+" put", b.total))
	return nil
}

func (b *benchmark) reads(tx *bolt.Tx) error {
	bucket := tx.Bucket(benchBucket)
	err := b.repeat("random get", func() error {
		random := rand.New(rand.NewSource(2))
		for i := 0; i < b.total; i++ {
			if bucket.Get(benchKey(random.Intn(b.total))) == nil {
				return fmt.Errorf("a record is missing")
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.repeat("scan", func() error {
		count, bytes := 0, 0
		cursor := bucket.Cursor()
		for k, v := cursor.First(); k != nil; k, v = cursor.Next() {
			count++
			bytes += len(k) + len(v)
		}
		if count != b.total || bytes != b.total*(17+b.valueSize) {
			return fmt.Errorf("%d records of %d", count, b.total)
		}
		return nil
	})
}

// The first keys there are, or any of the later ones, of which some are no longer there.
func (b *benchmark) deletes(db *bolt.DB, order string) error {
	var watch stopwatch
	random := rand.New(rand.NewSource(3))
	transactions := b.transactions / 4
	watch.start()
	for t := 0; t < transactions; t++ {
		err := db.Update(func(tx *bolt.Tx) error {
			bucket := tx.Bucket(benchBucket)
			for i := 0; i < b.records; i++ {
				number := t*b.records + i
				if order == "random" {
					number = b.total/4 + random.Intn(b.total-b.total/4)
				}
				if err := bucket.Delete(benchKey(number)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	watch.stop()
	b.phases = append(b.phases, watch.phase(order+" delete and commit", transactions*b.records))
	return nil
}

func (b *benchmark) opens(db *bolt.DB, stored bool) (*bolt.DB, error) {
	name := "open"
	if stored {
		name = "open, list of free pages stored"
	}
	db, err := reopen(db, b.path, stored)
	if err != nil {
		return db, err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(benchBucket).Put(benchKey(0), make([]byte, b.valueSize))
	})
	if err != nil {
		return db, err
	}
	return db, b.repeat(name, func() error {
		if db, err = reopen(db, b.path, stored); err != nil {
			return err
		}
		return nil
	})
}

// Notes the best of several runs.
func (b *benchmark) repeat(name string, run func() error) error {
	best := phase{name, math.MaxFloat64, math.MaxFloat64}
	for i := 0; i < repeats; i++ {
		var watch stopwatch
		watch.start()
		if err := run(); err != nil {
			return err
		}
		watch.stop()
		took := watch.phase(name, b.total)
		best.Ns, best.CPUNs = min(best.Ns, took.Ns), min(best.CPUNs, took.CPUNs)
	}
	b.phases = append(b.phases, best)
	return nil
}

func reopen(db *bolt.DB, path string, storesFreelist bool) (*bolt.DB, error) {
	if err := db.Close(); err != nil {
		return db, err
	}
	return bolt.Open(path, 0o600, optionsOf(storesFreelist))
}

func optionsOf(storesFreelist bool) *bolt.Options {
	return &bolt.Options{NoFreelistSync: !storesFreelist, FreelistType: bolt.FreelistMapType}
}

func benchKey(number int) []byte {
	key := make([]byte, 17)
	binary.BigEndian.PutUint64(key, uint64(number))
	key[8] = '_'
	return key
}
