module quorate.test/goclient

go 1.25

require google.golang.org/grpc v1.83.2
