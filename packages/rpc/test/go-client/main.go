// Calls the test server with Go's gRPC client; prints "ok NAME" for every step, exits non-zero at the first failure.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error { *v.(*[]byte) = bytes.Clone(data); return nil }
func (rawCodec) Name() string                       { return "raw" }

func must(name string, err error) {
	if err != nil {
		fmt.Println("FAILED", name, err)
		os.Exit(1)
	}
}

func expect(name string, ok bool, got any) {
	if !ok {
		fmt.Println("FAILED", name, got)
		os.Exit(1)
	}
	fmt.Println("ok", name)
}

func main() {
	conn, err := grpc.NewClient(os.Args[1],
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(1<<30)))
	must("connect", err)
	defer conn.Close()
	ctx := context.Background()

	for _, size := range []int{0, 1, 20000, 3000000} {
		in, out := bytes.Repeat([]byte{7}, size), []byte(nil)
		must("unary", conn.Invoke(ctx, "/test.Service/Unary", &in, &out))
		expect(fmt.Sprintf("unary %d", size), bytes.Equal(in, out), len(out))
	}

	in, out := bytes.Repeat([]byte{7}, 300000), []byte(nil)
	must("gzip", conn.Invoke(ctx, "/test.Service/Unary", &in, &out, grpc.UseCompressor(gzip.Name)))
	expect("gzip", bytes.Equal(in, out), len(out))

	var header, trailer metadata.MD
	md := metadata.NewOutgoingContext(ctx, metadata.Pairs("x-echo", "v", "x-echo-bin", string([]byte{0, 255})))
	must("metadata", conn.Invoke(md, "/test.Service/Unary", &in, &out, grpc.Header(&header), grpc.Trailer(&trailer)))
	expect("header", len(header.Get("x-echo")) == 1 && header.Get("x-echo")[0] == "v", header)
	expect("binary trailer", len(trailer.Get("x-echo-bin")) == 1 && trailer.Get("x-echo-bin")[0] == string([]byte{0, 255}), trailer)

	err = conn.Invoke(ctx, "/test.Service/Fail", &in, &out)
	expect("status", status.Code(err) == codes.FailedPrecondition && status.Convert(err).Message() == "nicht möglich: 100%", err)
	err = conn.Invoke(ctx, "/test.Service/Nothing", &in, &out)
	expect("unknown method", status.Code(err) == codes.Unimplemented && status.Convert(err).Message() == "unknown method Nothing for service test.Service", err)
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	err = conn.Invoke(short, "/test.Service/Never", &in, &out)
	cancel()
	expect("deadline", status.Code(err) == codes.DeadlineExceeded, err)

	desc := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream, err := conn.NewStream(ctx, desc, "/test.Service/Bidi")
	must("bidi", err)
	total := 0
	for i := 0; i < 100; i++ {
		message := bytes.Repeat([]byte{byte(i)}, i*1000)
		must("send", stream.SendMsg(&message))
		var reply []byte
		must("receive", stream.RecvMsg(&reply))
		total += len(reply)
	}
	must("half close", stream.CloseSend())
	var rest []byte
	expect("bidi", stream.RecvMsg(&rest) == io.EOF && total == 4950000, total)

	stream, err = conn.NewStream(ctx, desc, "/test.Service/Flood")
	must("flood", err)
	count := 0
	for {
		var message []byte
		if err := stream.RecvMsg(&message); err != nil {
			expect("flood", err == io.EOF && count == 200, err)
			break
		}
		count++
		if count%50 == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}

	var group sync.WaitGroup
	var failures sync.Map
	for worker := 0; worker < 50; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < 200; i++ {
				call, cancel := context.WithTimeout(ctx, 10*time.Second)
				in, out := bytes.Repeat([]byte{byte(i)}, (i*131+worker)%5000), []byte(nil)
				if err := conn.Invoke(call, "/test.Service/Unary", &in, &out); err != nil || !bytes.Equal(in, out) {
					failures.Store(worker, err)
				}
				cancel()
			}
		}()
	}
	group.Wait()
	failed := 0
	failures.Range(func(_, value any) bool { failed++; fmt.Println(value); return true })
	expect("10000 concurrent calls with deadlines", failed == 0, failed)
}
