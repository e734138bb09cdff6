package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"time"

	bolt "go.etcd.io/bbolt"
)

// The best of so many scans and opens counts.
const repeats = 5

// What one phase of the benchmark took.
type phase struct {
	Name string  `json:"name"`
	Ns   float64 `json:"ns"`
}

// Runs the benchmark's phases on an empty file: transactions, records of each, bytes of a value.
func bench(r *request) ([]byte, error) {
	path := string(r.bytes())
	transactions, records, valueBytes := int(r.u32()), int(r.u32()), int(r.u32())
	db, err := bolt.Open(path, 0o600, optionsOf(false))
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	var phases []phase
	value := make([]byte, valueBytes)
	name := []byte("key")
	total := transactions * records
	for _, order := range []string{"sequential", "random"} {
		var puts, commits time.Duration
		random := rand.New(rand.NewSource(1))
		for t := 0; t < transactions; t++ {
			tx, err := db.Begin(true)
			if err != nil {
				return nil, err
			}
			bucket, err := tx.CreateBucketIfNotExists(name)
			if err != nil {
				return nil, err
			}
			bucket.FillPercent = 0.9
			began := time.Now()
			for i := 0; i < records; i++ {
				number := t*records + i
				if order == "random" {
					number = random.Intn(total)
				}
				if err := bucket.Put(benchKey(number), value); err != nil {
					return nil, err
				}
			}
			put := time.Now()
			if err := tx.Commit(); err != nil {
				return nil, err
			}
			puts += put.Sub(began)
			commits += time.Since(put)
		}
		phases = append(phases, phase{order + " put", perRecord(puts, total)}, phase{order + " commit", perRecord(commits, total)})
	}
	err = db.View(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(name)
		random := rand.New(rand.NewSource(2))
		began := time.Now()
		for i := 0; i < total; i++ {
			if bucket.Get(benchKey(random.Intn(total))) == nil {
				return fmt.Errorf("a record is missing")
			}
		}
		phases = append(phases, phase{"random get", perRecord(time.Since(began), total)})
		least := time.Duration(math.MaxInt64)
		for i := 0; i < repeats; i++ {
			began = time.Now()
			count, bytes := 0, 0
			cursor := bucket.Cursor()
			for k, v := cursor.First(); k != nil; k, v = cursor.Next() {
				count++
				bytes += len(k) + len(v)
			}
			if count != total || bytes != total*(17+valueBytes) {
				return fmt.Errorf("%d records of %d", count, total)
			}
			least = min(least, time.Since(began))
		}
		phases = append(phases, phase{"scan", perRecord(least, total)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, order := range []string{"sequential", "random"} {
		took, count, err := benchDeletes(db, order, transactions/4, records, total)
		if err != nil {
			return nil, err
		}
		phases = append(phases, phase{order + " delete, with commit", perRecord(took, count)})
	}
	for _, stored := range []bool{false, true} {
		if db, err = reopen(db, path, stored); err != nil {
			return nil, err
		}
		if err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket(name).Put(benchKey(0), value) }); err != nil {
			return nil, err
		}
		least := time.Duration(math.MaxInt64)
		for i := 0; i < repeats; i++ {
			if err := db.Close(); err != nil {
				return nil, err
			}
			began := time.Now()
			if db, err = bolt.Open(path, 0o600, optionsOf(stored)); err != nil {
				return nil, err
			}
			least = min(least, time.Since(began))
		}
		label := "open"
		if stored {
			label = "open, list of free pages stored"
		}
		phases = append(phases, phase{label, perRecord(least, total)})
	}
	return json.Marshal(phases)
}

// Deletes the first keys there are, or any of the later ones, of which some are no longer there.
func benchDeletes(db *bolt.DB, order string, transactions, records, total int) (time.Duration, int, error) {
	random := rand.New(rand.NewSource(3))
	began := time.Now()
	for t := 0; t < transactions; t++ {
		err := db.Update(func(tx *bolt.Tx) error {
			bucket := tx.Bucket([]byte("key"))
			for i := 0; i < records; i++ {
				number := t*records + i
				if order == "random" {
					number = total/4 + random.Intn(total-total/4)
				}
				if err := bucket.Delete(benchKey(number)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, 0, err
		}
	}
	return time.Since(began), transactions * records, nil
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

func perRecord(took time.Duration, records int) float64 {
	return float64(took.Nanoseconds()) / float64(records)
}

func benchKey(number int) []byte {
	key := make([]byte, 17)
	binary.BigEndian.PutUint64(key, uint64(number))
	key[8] = '_'
	return key
}
