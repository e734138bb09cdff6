// Does what is asked on standard input with Go's bbolt, and answers on standard output. Requests and answers are a u32
// length and so many bytes; all numbers are little endian. Lists of bytes are a u32 length and so many bytes.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

type request struct {
	data []byte
}

func (r *request) byte() byte {
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *request) u32() uint32 {
	v := binary.LittleEndian.Uint32(r.data)
	r.data = r.data[4:]
	return v
}

func (r *request) u64() uint64 {
	v := binary.LittleEndian.Uint64(r.data)
	r.data = r.data[8:]
	return v
}

func (r *request) bytes() []byte {
	n := r.u32()
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

type twin struct {
	db      *bolt.DB
	readers map[uint32]*bolt.Tx
	long    *long
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	t := &twin{readers: map[uint32]*bolt.Tx{}}
	for {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		body := make([]byte, binary.LittleEndian.Uint32(head[:]))
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		answer, err := t.serve(&request{body})
		status := byte(0)
		if err != nil {
			status, answer = 1, []byte(err.Error())
		}
		binary.LittleEndian.PutUint32(head[:], uint32(len(answer)+1))
		out.Write(head[:])
		out.WriteByte(status)
		out.Write(answer)
		out.Flush()
	}
}

func (t *twin) serve(r *request) (answer []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	switch kind := r.byte(); kind {
	case 'O':
		return nil, t.open(r)
	case 'X':
		return nil, t.close()
	case 'T':
		return t.transaction(r)
	case 'R':
		id := r.u32()
		tx, err := t.db.Begin(false)
		t.readers[id] = tx
		return nil, err
	case 'D':
		id := r.u32()
		tx := t.readers[id]
		delete(t.readers, id)
		sum := digest(tx)
		return sum, tx.Rollback()
	case 'K':
		return check(string(r.bytes()))
	case 'B':
		return bench(r)
	case 'L':
		t.long, err = openLong(string(r.bytes()))
		return nil, err
	case 'l':
		return t.long.transaction(r)
	case 'x':
		return nil, t.long.close()
	default:
		return nil, fmt.Errorf("unknown request %c", kind)
	}
}

func (t *twin) open(r *request) error {
	pageSize := int(r.u32())
	noFreelistSync := r.byte() == 1
	mapType := bolt.FreelistArrayType
	if r.byte() == 1 {
		mapType = bolt.FreelistMapType
	}
	db, err := bolt.Open(string(r.bytes()), 0o600, &bolt.Options{
		Timeout:        time.Second,
		PageSize:       pageSize,
		NoFreelistSync: noFreelistSync,
		FreelistType:   mapType,
		NoSync:         true,
		NoGrowSync:     true,
		// A larger map would wait for readers.
		InitialMmapSize: 1 << 30,
	})
	t.db = db
	return err
}

func (t *twin) close() error {
	for id, tx := range t.readers {
		_ = tx.Rollback()
		delete(t.readers, id)
	}
	return t.db.Close()
}

func (t *twin) transaction(r *request) ([]byte, error) {
	tx, err := t.db.Begin(true)
	if err != nil {
		return nil, err
	}
	commits := r.byte() == 1
	outcomes := make([]byte, r.u32())
	for i := range outcomes {
		if outcomes[i], err = operate(tx, r); err != nil {
			_ = tx.Rollback()
			return nil, err
		}
	}
	if commits {
		return outcomes, tx.Commit()
	}
	return outcomes, tx.Rollback()
}

const (
	ok = iota
	bucketExists
	bucketNotFound
	incompatibleValue
)

// The operations that Tx and Bucket have in common.
type holder interface {
	Bucket([]byte) *bolt.Bucket
	CreateBucket([]byte) (*bolt.Bucket, error)
	DeleteBucket([]byte) error
}

func operate(tx *bolt.Tx, r *request) (byte, error) {
	kind := r.byte()
	var at holder = tx
	var bucket *bolt.Bucket
	missing := false
	for depth := r.byte(); depth > 0; depth-- {
		name := r.bytes()
		if missing {
			continue
		}
		bucket = at.Bucket(name)
		missing = bucket == nil
		at = bucket
	}
	var key, value []byte
	var sequence uint64
	if kind == 's' {
		sequence = r.u64()
	} else {
		key = r.bytes()
	}
	if kind == 'p' {
		value = r.bytes()
	}
	if missing {
		return bucketNotFound, nil
	}
	var err error
	switch kind {
	case 'p':
		err = bucket.Put(key, value)
	case 'd':
		err = bucket.Delete(key)
	case 'c':
		_, err = at.CreateBucket(key)
	case 'r':
		err = at.DeleteBucket(key)
	case 's':
		err = bucket.SetSequence(sequence)
	default:
		return 0, fmt.Errorf("unknown operation %c", kind)
	}
	switch {
	case err == nil:
		return ok, nil
	case errors.Is(err, berrors.ErrBucketExists):
		return bucketExists, nil
	case errors.Is(err, berrors.ErrBucketNotFound):
		return bucketNotFound, nil
	case errors.Is(err, berrors.ErrIncompatibleValue):
		return incompatibleValue, nil
	}
	return 0, err
}

// A digest of everything that a transaction sees.
func digest(tx *bolt.Tx) []byte {
	h := sha256.New()
	w := bufio.NewWriterSize(hashWriter{h}, 1<<16)
	_ = tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		writeBucket(w, name, b)
		return nil
	})
	w.Flush()
	return h.Sum(nil)
}

type hashWriter struct{ hash.Hash }

func writeBucket(w *bufio.Writer, name []byte, b *bolt.Bucket) {
	w.WriteByte('B')
	writeBytes(w, name)
	var sequence [8]byte
	binary.LittleEndian.PutUint64(sequence[:], b.Sequence())
	w.Write(sequence[:])
	_ = b.ForEach(func(k, v []byte) error {
		if v == nil {
			writeBucket(w, k, b.Bucket(k))
			return nil
		}
		w.WriteByte('V')
		writeBytes(w, k)
		writeBytes(w, v)
		return nil
	})
	w.WriteByte('E')
}

func writeBytes(w *bufio.Writer, b []byte) {
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(b)))
	w.Write(length[:])
	w.Write(b)
}

// Checks a file as `bbolt check` does; answers with the digest of what is in it.
func check(path string) ([]byte, error) {
	db, err := bolt.Open(path, 0o400, &bolt.Options{ReadOnly: true, PreLoadFreelist: true, Timeout: time.Second})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	tx, err := db.Begin(false)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	var faults bytes.Buffer
	for fault := range tx.Check() {
		fmt.Fprintln(&faults, fault)
	}
	if faults.Len() > 0 {
		return nil, errors.New(faults.String())
	}
	return digest(tx), nil
}
