// Command walcheck reads and writes logs with etcd's own code, so that both sides can be compared.
//
//	walcheck read DIR INDEX TERM    prints metadata, state, entries and valid snapshots as JSON
//	walcheck write DIR COUNT        writes COUNT entries with states and snapshots
package main

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

type entry struct {
	Type  int    `json:"type"`
	Term  uint64 `json:"term"`
	Index uint64 `json:"index"`
	Size  int    `json:"size"`
	Crc   uint32 `json:"crc"`
}

type result struct {
	Metadata  []byte   `json:"metadata"`
	Term      uint64   `json:"term"`
	Vote      string   `json:"vote"`
	Commit    uint64   `json:"commit"`
	Entries   []entry  `json:"entries"`
	Snapshots []uint64 `json:"snapshots"`
}

func main() {
	var err error
	switch {
	case len(os.Args) == 5 && os.Args[1] == "read":
		err = read(os.Args[2], number(os.Args[3]), number(os.Args[4]))
	case len(os.Args) == 4 && os.Args[1] == "write":
		err = write(os.Args[2], number(os.Args[3]))
	default:
		err = fmt.Errorf("usage: walcheck read DIR INDEX TERM | write DIR COUNT")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func number(text string) uint64 {
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return value
}

func read(dir string, index, term uint64) error {
	log := zap.NewNop()
	valid, err := wal.ValidSnapshotEntries(log, dir)
	if err != nil {
		return err
	}
	w, err := wal.Open(log, dir, &walpb.Snapshot{Index: proto.Uint64(index), Term: proto.Uint64(term)})
	if err != nil {
		return err
	}
	defer w.Close()
	metadata, state, ents, err := w.ReadAll()
	if err != nil {
		return err
	}
	out := result{
		Metadata: metadata, Term: state.GetTerm(), Vote: fmt.Sprint(state.GetVote()), Commit: state.GetCommit(),
		Entries: []entry{},
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	for _, e := range ents {
		out.Entries = append(out.Entries, entry{
			int(e.GetType()), e.GetTerm(), e.GetIndex(), len(e.GetData()), crc32.Checksum(e.GetData(), table),
		})
	}
	for _, s := range valid {
		out.Snapshots = append(out.Snapshots, s.GetIndex())
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func write(dir string, count uint64) error {
	// Node 0x10 of cluster 0x20.
	w, err := wal.Create(zap.NewNop(), dir, []byte{0x08, 0x10, 0x10, 0x20})
	if err != nil {
		return err
	}
	for index := uint64(1); index <= count; index++ {
		data := make([]byte, index*7919%200_000)
		for i := range data {
			data[i] = byte(index + uint64(i))
		}
		kind := raftpb.EntryNormal
		if index%10 == 1 {
			kind = raftpb.EntryConfChange
		}
		e := &raftpb.Entry{Type: kind.Enum(), Term: proto.Uint64(1 + index/100), Index: proto.Uint64(index), Data: data}
		state := &raftpb.HardState{
			Term: proto.Uint64(1 + index/100), Vote: proto.Uint64(1 << 63), Commit: proto.Uint64(index - 1),
		}
		if err := w.Save(state, []*raftpb.Entry{e}); err != nil {
			return err
		}
		if index%100 == 50 {
			snapshot := &walpb.Snapshot{
				Index: proto.Uint64(index - 1), Term: proto.Uint64(1 + index/100),
				ConfState: &raftpb.ConfState{Voters: []uint64{0x10}},
			}
			if err := w.SaveSnapshot(snapshot); err != nil {
				return err
			}
		}
	}
	return w.Close()
}
