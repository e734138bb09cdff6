package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand"
	"time"

	bolt "go.etcd.io/bbolt"
)

// What one phase of the benchmark took.
type phase struct {
	Name string  `json:"name"`
	Ns   float64 `json:"ns"`
}

// Runs the benchmark's phases on an empty file: transactions, records of each, bytes of a value.
func bench(r *request) ([]byte, error) {
	path := string(r.bytes())
	transactions, records, valueBytes := int(r.u32()), int(r.u32()), int(r.u32())
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: true, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	defer db.Close()
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
		phases = append(phases, phase{"scan", perRecord(time.Since(began), total)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(phases)
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
