package main

import (
	"encoding/binary"

	bolt "go.etcd.io/bbolt"
)

// A database under etcd's load: records by revision in one bucket, a few numbers in another, and a reader that is open from one
// transaction to the next.
type long struct {
	db     *bolt.DB
	reader *bolt.Tx
}

// Opens an empty file as etcd does, but for syncs.
func openLong(path string) (*long, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
		NoSync:         true,
		NoGrowSync:     true,
		// A larger map would wait for the reader.
		InitialMmapSize: 1 << 33,
	})
	if err != nil {
		return nil, err
	}
	return &long{db: db}, nil
}

// One transaction: puts so many records from a revision on, and deletes others. Answers with the size that etcd tells of the
// database, and the part of it that is in use.
func (l *long) transaction(r *request) ([]byte, error) {
	from, count, valueBytes, deletes := r.u64(), r.u32(), r.u32(), r.u32()
	if l.reader != nil {
		if err := l.reader.Rollback(); err != nil {
			return nil, err
		}
	}
	tx, err := l.db.Begin(true)
	if err != nil {
		return nil, err
	}
	keys, err := tx.CreateBucketIfNotExists([]byte("key"))
	if err != nil {
		return nil, err
	}
	meta, err := tx.CreateBucketIfNotExists([]byte("meta"))
	if err != nil {
		return nil, err
	}
	keys.FillPercent = 0.9
	for i := uint64(0); i < uint64(count); i++ {
		// bbolt keeps it until the commit.
		value := make([]byte, valueBytes)
		binary.LittleEndian.PutUint64(value, from+i)
		if err := keys.Put(benchKey(int(from+i)), value); err != nil {
			return nil, err
		}
	}
	for ; deletes > 0; deletes-- {
		if err := keys.Delete(benchKey(int(r.u64()))); err != nil {
			return nil, err
		}
	}
	var index [8]byte
	binary.BigEndian.PutUint64(index[:], from+uint64(count))
	if err := meta.Put([]byte("consistent_index"), index[:]); err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	if l.reader, err = l.db.Begin(false); err != nil {
		return nil, err
	}
	size := l.reader.Size()
	answer := binary.LittleEndian.AppendUint64(nil, uint64(size))
	stats := l.db.Stats()
	free := int64(stats.FreePageN+stats.PendingPageN) * int64(l.db.Info().PageSize)
	return binary.LittleEndian.AppendUint64(answer, uint64(size-free)), nil
}

func (l *long) close() error {
	if l.reader != nil {
		_ = l.reader.Rollback()
	}
	return l.db.Close()
}
