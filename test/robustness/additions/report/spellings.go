package report

import (
	"bytes"
	"os"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3/raftpb"
)

// sameData tells whether the data of two entries mean the same. Every founder of a cluster writes the first entries itself,
// and releases spell them differently: 3.6 writes an ID of zero, 3.7 leaves it out.
func sameData(e1, e2 *raftpb.Entry) bool {
	if bytes.Equal(e1.GetData(), e2.GetData()) {
		return true
	}
	if e1.GetType() != raftpb.EntryConfChange || os.Getenv("ROBUSTNESS_AS_RELEASED") != "" {
		return false
	}
	var change1, change2 raftpb.ConfChange
	if proto.Unmarshal(e1.GetData(), &change1) != nil || proto.Unmarshal(e2.GetData(), &change2) != nil {
		return false
	}
	return change1.GetId() == change2.GetId() &&
		change1.GetType() == change2.GetType() &&
		change1.GetNodeId() == change2.GetNodeId() &&
		bytes.Equal(change1.GetContext(), change2.GetContext())
}
