// An S3 server for tests: objects lie in a bbolt file, so that it can be stopped and started again.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3bolt"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where it listens")
	file := flag.String("file", "s3.db", "where objects are")
	bucket := flag.String("bucket", "backups", "bucket that is made")
	flag.Parse()
	backend, err := s3bolt.NewFile(*file)
	if err != nil {
		log.Fatal(err)
	}
	if exists, err := backend.BucketExists(*bucket); err != nil || !exists {
		if err := backend.CreateBucket(*bucket); err != nil {
			log.Fatal(err)
		}
	}
	fake := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog()))
	log.Fatal(http.ListenAndServe(*listen, fake.Server()))
}
