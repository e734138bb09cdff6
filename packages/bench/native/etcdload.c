/*
 * A load generator for etcd's gRPC API: one thread, epoll and nghttp2, the same parts as h2load and about its
 * cost, but every request has a body of its own (h2load sends one body for all), so keys are really random, and
 * latencies are kept in a histogram instead of a sample.
 *
 * --port takes a list: connections are dealt out over the servers in turn. --pid takes a list: their CPU times are added.
 *
 * --token: all requests come with this token of a user.
 *
 * --ca FILE: TLS, with servers whose certificates these authorities have signed; --cert FILE and --key FILE: shows this one.
 *
 * Closed loop: each of connections x streams slots sends its next request when the answer to the last has come.
 * `connect` has one slot a connection: it connects, ranges a key and leaves; with --resume it goes on with a session of
 * TLS that it had. `idle` ranges a key on each connection, then says nothing for the measured seconds, and reports what the
 * measured process holds more.
 * Prints one JSON object. Built on demand: cc -O2 etcdload.c -lnghttp2 -lssl -lcrypto
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum op { OP_FILL, OP_PUT, OP_RANGE, OP_TXN, OP_LEASE_FILL, OP_LEASE_GRANT, OP_KEEPALIVE, OP_WATCH, OP_CONNECT, OP_IDLE };
static const char *op_names[] = {"fill", "put", "range", "txn", "lease-fill", "lease-grant", "keepalive", "watch",
                                 "connect", "idle"};
#define OP_COUNT (int)(sizeof op_names / sizeof *op_names)

#define MAX_SERVERS 16

static struct {
  enum op op;
  int ports[MAX_SERVERS], port_count, connections, streams, window;
  double seconds, warmup;
  uint64_t keys, seed, span, limit;
  int key_size, value_size;
  bool serializable, count_only, all;
  long pids[MAX_SERVERS];
  int pid_count;
  const char *token, *ca, *cert, *key;
  bool resume;
} opt = {.ports = {2379}, .port_count = 1, .connections = 1, .streams = 1, .window = 1, .seconds = 5, .warmup = 1, .keys = 100000,
         .seed = 1, .span = 1, .key_size = 32, .value_size = 256};

#define MARK 0x5157415443484d4bull /* in the values of watched puts, before the time they were sent */

struct slot {
  struct connection *connection;
  int32_t stream_id;
  uint64_t started_ns;
  uint8_t *body;
  size_t body_length, body_sent, received;
  bool failed, deferred, done_sending;
  /* message parser of long-lived streams */
  uint8_t *message;
  size_t message_capacity, message_have;
  bool watch_created;
};

struct connection {
  int fd, port;
  SSL *ssl;
  SSL_SESSION *resumable; /* each is good for one connection */
  bool shaking_hands, leaving;
  nghttp2_session *session;
  uint8_t *out;
  size_t out_length, out_sent, out_capacity;
  bool want_write;
  struct slot *slots;
  int slot_count;
};

static struct connection *connections;
static struct connection putter; /* of watched puts */
static SSL_CTX *tls; /* NULL: plaintext */
static uint64_t resumed;
static int epoll_fd;
static bool stopping;
static uint64_t completed, failed, deliveries, fill_next, puts_sent, watchers_created, bytes_received;
static char first_error[512];
static uint8_t *value;
static uint64_t rng;

/* Log-linear: 64 steps for each power of two of nanoseconds, so an error of at most 1.6 %. */
#define SUB 64
static uint64_t histogram[64 * SUB];

static uint64_t now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static uint64_t next_random(void) {
  rng ^= rng >> 12;
  rng ^= rng << 25;
  rng ^= rng >> 27;
  return rng * 2685821657736338717ull;
}

static void record(uint64_t ns) {
  if (ns < SUB) ns = SUB;
  int exponent = 63 - __builtin_clzll(ns);
  histogram[exponent * SUB + ((ns >> (exponent - 6)) & (SUB - 1))]++;
}

static double percentile(double p) {
  uint64_t total = 0, sum = 0;
  for (int i = 0; i < 64 * SUB; i++) total += histogram[i];
  uint64_t wanted = (uint64_t)((double)total * p);
  if (wanted >= total) wanted = total - 1;
  if (total == 0) return 0;
  for (int i = 0; i < 64 * SUB; i++) {
    sum += histogram[i];
    if (sum > wanted) return (double)(((uint64_t)(SUB + i % SUB) << (i / SUB)) >> 6) / 1000.0;
  }
  return 0;
}

static void die(const char *what) {
  fprintf(stderr, "etcdload: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void die_of_tls(const char *what) {
  fprintf(stderr, "etcdload: %s: ", what);
  ERR_print_errors_fp(stderr);
  fprintf(stderr, "\n");
  exit(1);
}

static void note_error(const char *text, size_t length) {
  if (first_error[0] != 0) return;
  if (length > sizeof first_error - 1) length = sizeof first_error - 1;
  memcpy(first_error, text, length);
}

/* ---- requests ---- */

static size_t put_varint(uint8_t *at, uint64_t v) {
  size_t n = 0;
  while (v >= 0x80) {
    at[n++] = (uint8_t)(v | 0x80);
    v >>= 7;
  }
  at[n++] = (uint8_t)v;
  return n;
}

static size_t put_bytes(uint8_t *at, uint8_t tag, const void *bytes, size_t length) {
  size_t n = 0;
  at[n++] = tag;
  n += put_varint(at + n, length);
  memcpy(at + n, bytes, length);
  return n + length;
}

/* "key/" and the number, padded with zeros to the wanted size. */
static void make_key(char *at, uint64_t number) {
  memcpy(at, "key/", 4);
  for (int i = opt.key_size - 1; i >= 4; i--) {
    at[i] = (char)('0' + number % 10);
    number /= 10;
  }
}

static size_t put_request(uint8_t *at, const char *key) {
  size_t n = put_bytes(at, 0x0a, key, (size_t)opt.key_size);
  return n + put_bytes(at + n, 0x12, value, (size_t)opt.value_size);
}

static size_t range_request(uint8_t *at, const char *key, uint64_t number) {
  char end[256];
  size_t n = 0;
  if (opt.all) {
    n += put_bytes(at, 0x0a, "\0", 1);
    n += put_bytes(at + n, 0x12, "\0", 1);
  } else {
    n += put_bytes(at, 0x0a, key, (size_t)opt.key_size);
    if (opt.span > 1) {
      make_key(end, number + opt.span);
      n += put_bytes(at + n, 0x12, end, (size_t)opt.key_size);
    }
  }
  if (opt.limit > 0) {
    at[n++] = 0x18;
    n += put_varint(at + n, opt.limit);
  }
  if (opt.serializable) {
    at[n++] = 0x38;
    at[n++] = 1;
  }
  if (opt.count_only) {
    at[n++] = 0x48;
    at[n++] = 1;
  }
  return n;
}

static const char *path_of(enum op op) {
  switch (op) {
  case OP_FILL:
  case OP_PUT: return "/etcdserverpb.KV/Put";
  case OP_CONNECT:
  case OP_IDLE:
  case OP_RANGE: return "/etcdserverpb.KV/Range";
  case OP_TXN: return "/etcdserverpb.KV/Txn";
  case OP_LEASE_FILL:
  case OP_LEASE_GRANT: return "/etcdserverpb.Lease/LeaseGrant";
  case OP_KEEPALIVE: return "/etcdserverpb.Lease/LeaseKeepAlive";
  case OP_WATCH: return "/etcdserverpb.Watch/Watch";
  }
  return "";
}

/* Writes the gRPC message of the next request into the slot. */
static void make_body(struct slot *slot, enum op op) {
  uint8_t *at = slot->body + 5;
  uint8_t scratch[8192 + 65536];
  char key[256], other[256];
  size_t n = 0, m;
  uint64_t number = opt.keys > opt.span ? next_random() % (opt.keys - opt.span + 1) : 0;
  if (op == OP_FILL) number = fill_next++;
  make_key(key, number);
  if (opt.value_size >= 8) memcpy(value, &rng, 8);
  switch (op) {
  case OP_FILL:
  case OP_PUT: n = put_request(at, key); break;
  case OP_CONNECT:
  case OP_IDLE:
  case OP_RANGE: n = range_request(at, key, number); break;
  case OP_TXN: {
    /* if version(key) > 0 then put key, range another else put key */
    make_key(other, next_random() % opt.keys);
    m = 0;
    scratch[m++] = 0x08, scratch[m++] = 0x01;
    m += put_bytes(scratch + m, 0x1a, key, (size_t)opt.key_size);
    scratch[m++] = 0x20, scratch[m++] = 0x00;
    n += put_bytes(at + n, 0x0a, scratch, m);
    uint8_t inner[4096 + 65536];
    size_t put_length = put_request(inner, key);
    m = put_bytes(scratch, 0x12, inner, put_length);
    n += put_bytes(at + n, 0x12, scratch, m);
    size_t range_length = put_bytes(inner, 0x0a, other, (size_t)opt.key_size);
    uint8_t small[512];
    size_t s = put_bytes(small, 0x0a, inner, range_length);
    n += put_bytes(at + n, 0x12, small, s);
    n += put_bytes(at + n, 0x1a, scratch, m);
    break;
  }
  case OP_LEASE_FILL:
    at[n++] = 0x08;
    n += put_varint(at + n, 3600);
    at[n++] = 0x10;
    n += put_varint(at + n, ++fill_next);
    break;
  case OP_LEASE_GRANT:
    at[n++] = 0x08;
    n += put_varint(at + n, 3600);
    break;
  case OP_KEEPALIVE:
    at[n++] = 0x08;
    n += put_varint(at + n, 1 + next_random() % opt.keys);
    break;
  case OP_WATCH:
    m = put_bytes(scratch, 0x0a, "watched", 7);
    n = put_bytes(at, 0x0a, scratch, m);
    break;
  }
  slot->body[0] = 0;
  slot->body[1] = (uint8_t)(n >> 24), slot->body[2] = (uint8_t)(n >> 16);
  slot->body[3] = (uint8_t)(n >> 8), slot->body[4] = (uint8_t)n;
  slot->body_length = n + 5;
  slot->body_sent = 0;
}

/* A put of the watched key whose value says when it was sent. */
static void make_watched_put(struct slot *slot) {
  uint64_t mark = MARK, at = now_ns();
  memcpy(value, &mark, 8);
  memcpy(value + 8, &at, 8);
  uint8_t *to = slot->body + 5;
  size_t n = put_bytes(to, 0x0a, "watched", 7);
  n += put_bytes(to + n, 0x12, value, (size_t)opt.value_size);
  slot->body[0] = 0;
  slot->body[1] = (uint8_t)(n >> 24), slot->body[2] = (uint8_t)(n >> 16);
  slot->body[3] = (uint8_t)(n >> 8), slot->body[4] = (uint8_t)n;
  slot->body_length = n + 5;
  slot->body_sent = 0;
}

static bool is_stream(enum op op) { return op == OP_KEEPALIVE || op == OP_WATCH; }

static ssize_t read_body(nghttp2_session *session, int32_t stream_id, uint8_t *buffer, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *user) {
  (void)session, (void)stream_id, (void)user;
  struct slot *slot = source->ptr;
  size_t rest = slot->body_length - slot->body_sent;
  bool keep_open = is_stream(opt.op) && slot->connection != &putter;
  if (rest == 0 && keep_open) {
    slot->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  if (rest > length) rest = length;
  memcpy(buffer, slot->body + slot->body_sent, rest);
  slot->body_sent += rest;
  if (slot->body_sent == slot->body_length && !keep_open) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)rest;
}

#define HEADER(name, text)                                                                                             \
  {(uint8_t *)name, (uint8_t *)(text), sizeof name - 1, strlen(text), NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE}

static void submit(struct slot *slot, const char *path) {
  nghttp2_nv headers[] = {HEADER(":method", "POST"), HEADER(":scheme", tls == NULL ? "http" : "https"), HEADER(":path", path),
                          HEADER(":authority", "localhost"), HEADER("content-type", "application/grpc"),
                          HEADER("te", "trailers"), HEADER("token", opt.token == NULL ? "" : opt.token)};
  size_t header_count = opt.token == NULL ? 6 : 7;
  nghttp2_data_provider provider = {.source.ptr = slot, .read_callback = read_body};
  slot->failed = false;
  slot->received = 0;
  if (opt.op != OP_CONNECT) slot->started_ns = now_ns();
  slot->stream_id = nghttp2_submit_request(slot->connection->session, NULL, headers, header_count, &provider, slot);
  if (slot->stream_id < 0) {
    fprintf(stderr, "etcdload: submit: %s\n", nghttp2_strerror(slot->stream_id));
    exit(1);
  }
}

static bool filling(void) { return opt.op == OP_FILL || opt.op == OP_LEASE_FILL; }

static void start_slot(struct slot *slot) {
  if (stopping || (filling() && fill_next >= opt.keys)) return;
  make_body(slot, opt.op);
  submit(slot, path_of(opt.op));
}

static void flush_connection(struct connection *connection);

/* Keeps `window` rounds in flight: a round is over when every watcher has the event. */
static void send_watched_puts(void) {
  uint64_t watchers = (uint64_t)opt.connections * (uint64_t)opt.streams;
  if (watchers_created < watchers || stopping) return;
  for (int i = 0; i < putter.slot_count; i++) {
    struct slot *slot = &putter.slots[i];
    if (slot->stream_id != 0 || puts_sent - deliveries / watchers >= (uint64_t)opt.window) continue;
    puts_sent++;
    make_watched_put(slot);
    submit(slot, "/etcdserverpb.KV/Put");
  }
  flush_connection(&putter);
}

/* ---- answers ---- */

static void on_message(struct slot *slot, const uint8_t *message, size_t length) {
  uint64_t now = now_ns();
  if (opt.op == OP_KEEPALIVE) {
    record(now - slot->started_ns);
    completed++;
    if (stopping) return;
    make_body(slot, opt.op);
    slot->started_ns = now;
    if (slot->deferred) {
      slot->deferred = false;
      nghttp2_session_resume_data(slot->connection->session, slot->stream_id);
    }
    return;
  }
  if (!slot->watch_created) {
    slot->watch_created = true;
    watchers_created++;
    return;
  }
  uint64_t mark = MARK, sent;
  const uint8_t *at = message, *end = message + length;
  while ((at = memmem(at, (size_t)(end - at), &mark, 8)) != NULL) {
    memcpy(&sent, at + 8, 8);
    record(now - sent);
    deliveries++;
    at += 16;
  }
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t length,
                   void *user) {
  (void)flags, (void)user;
  bytes_received += length;
  struct slot *slot = nghttp2_session_get_stream_user_data(session, stream_id);
  if (slot == NULL) return 0;
  slot->received += length;
  if (!is_stream(opt.op) || slot->connection == &putter) return 0;
  if (slot->message_have + length > slot->message_capacity) {
    slot->message_capacity = 2 * (slot->message_have + length);
    slot->message = realloc(slot->message, slot->message_capacity);
    if (slot->message == NULL) die("memory");
  }
  memcpy(slot->message + slot->message_have, data, length);
  slot->message_have += length;
  size_t at = 0;
  while (slot->message_have - at >= 5) {
    const uint8_t *h = slot->message + at;
    size_t size = (size_t)h[1] << 24 | (size_t)h[2] << 16 | (size_t)h[3] << 8 | h[4];
    if (slot->message_have - at < size + 5) break;
    on_message(slot, h + 5, size);
    at += size + 5;
  }
  slot->message_have -= at;
  memmove(slot->message, slot->message + at, slot->message_have);
  return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
                     const uint8_t *text, size_t length, uint8_t flags, void *user) {
  (void)flags, (void)user;
  if (name_length < 11 || memcmp(name, "grpc-", 5) != 0) return 0;
  struct slot *slot = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  if (slot == NULL) return 0;
  if (name_length == 11 && memcmp(name, "grpc-status", 11) == 0 && !(length == 1 && text[0] == '0')) slot->failed = true;
  if (name_length == 12 && memcmp(name, "grpc-message", 12) == 0 && length > 0) note_error((const char *)text, length);
  return 0;
}

static int on_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *user) {
  (void)user;
  struct slot *slot = nghttp2_session_get_stream_user_data(session, stream_id);
  if (slot == NULL || stopping) return 0;
  if (is_stream(opt.op) && slot->connection != &putter) {
    note_error("a stream ended", 14);
    failed++;
    return 0;
  }
  slot->stream_id = 0;
  bool finds = opt.op == OP_RANGE || opt.op == OP_CONNECT || opt.op == OP_IDLE;
  bool too_short = finds && !opt.count_only && slot->received < (size_t)opt.value_size;
  if (slot->failed || error_code != 0 || slot->received < 5 || too_short) {
    if (too_short) note_error("a range found nothing", 21);
    failed++;
  } else if (slot->connection != &putter) {
    record(now_ns() - slot->started_ns);
  }
  completed++;
  if (opt.op == OP_CONNECT) slot->connection->leaving = true;
  else if (opt.op != OP_IDLE && slot->connection != &putter) start_slot(slot);
  return 0;
}

/* ---- sockets ---- */

static void watch_fd(struct connection *connection, bool writable) {
  if (connection->want_write == writable) return;
  connection->want_write = writable;
  struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.ptr = connection};
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

/* As write: -1 with EAGAIN when the socket is full. */
static ssize_t send_some(struct connection *connection, const uint8_t *bytes, size_t length) {
  if (connection->ssl == NULL) return write(connection->fd, bytes, length);
  ERR_clear_error();
  int n = SSL_write(connection->ssl, bytes, length > 1 << 30 ? 1 << 30 : (int)length);
  if (n > 0) return n;
  int error = SSL_get_error(connection->ssl, n);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) die_of_tls("write");
  errno = EAGAIN;
  return -1;
}

/* As read: 0 at the end, -1 with EAGAIN when there is nothing. */
static ssize_t receive_some(struct connection *connection, uint8_t *bytes, size_t length) {
  if (connection->ssl == NULL) return read(connection->fd, bytes, length);
  ERR_clear_error();
  int n = SSL_read(connection->ssl, bytes, (int)length);
  if (n > 0) return n;
  int error = SSL_get_error(connection->ssl, n);
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  if (error == SSL_ERROR_SYSCALL && !ERR_peek_error()) {
    if (errno == 0) errno = ECONNRESET;
    return -1;
  }
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) die_of_tls("read");
  errno = EAGAIN;
  return -1;
}

/* True when the connection is secure, or need not be. */
static bool shake_hands(struct connection *connection) {
  if (!connection->shaking_hands) return true;
  ERR_clear_error();
  int n = SSL_connect(connection->ssl);
  if (n == 1) {
    const unsigned char *protocol;
    unsigned length;
    SSL_get0_alpn_selected(connection->ssl, &protocol, &length);
    if (length != 2 || memcmp(protocol, "h2", 2) != 0) {
      fprintf(stderr, "etcdload: the server does not speak HTTP/2\n");
      exit(1);
    }
    if (SSL_session_reused(connection->ssl)) resumed++;
    connection->shaking_hands = false;
    return true;
  }
  int error = SSL_get_error(connection->ssl, n);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) die_of_tls("handshake");
  watch_fd(connection, error == SSL_ERROR_WANT_WRITE);
  return false;
}

static void flush_connection(struct connection *connection) {
  if (!shake_hands(connection)) return;
  for (;;) {
    while (connection->out_length < 65536) {
      const uint8_t *data;
      ssize_t n = nghttp2_session_mem_send(connection->session, &data);
      if (n < 0) {
        fprintf(stderr, "etcdload: send: %s\n", nghttp2_strerror((int)n));
        exit(1);
      }
      if (n == 0) break;
      if (connection->out_length + (size_t)n > connection->out_capacity) {
        connection->out_capacity = 2 * (connection->out_length + (size_t)n);
        connection->out = realloc(connection->out, connection->out_capacity);
        if (connection->out == NULL) die("memory");
      }
      memcpy(connection->out + connection->out_length, data, (size_t)n);
      connection->out_length += (size_t)n;
    }
    if (connection->out_length == 0) {
      watch_fd(connection, false);
      return;
    }
    ssize_t written = send_some(connection, connection->out + connection->out_sent, connection->out_length - connection->out_sent);
    if (written < 0) {
      if (errno == EAGAIN) {
        watch_fd(connection, true);
        return;
      }
      die("write");
    }
    connection->out_sent += (size_t)written;
    if (connection->out_sent == connection->out_length) connection->out_sent = connection->out_length = 0;
  }
}

static void on_readable(struct connection *connection) {
  static uint8_t buffer[1 << 18];
  if (!shake_hands(connection)) return;
  do {
    ssize_t n = receive_some(connection, buffer, sizeof buffer);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      if (stopping) return;
      errno = n == 0 ? ECONNRESET : errno;
      die("read");
    }
    ssize_t used = nghttp2_session_mem_recv(connection->session, buffer, (size_t)n);
    if (used < 0) {
      fprintf(stderr, "etcdload: receive: %s\n", nghttp2_strerror((int)used));
      exit(1);
    }
    /* A socket that OpenSSL has read empty is not readable for epoll. */
  } while (connection->ssl != NULL && SSL_has_pending(connection->ssl));
}

static int on_new_session(SSL *ssl, SSL_SESSION *of_server) {
  struct connection *connection = SSL_get_app_data(ssl);
  SSL_SESSION_free(connection->resumable);
  connection->resumable = of_server;
  return 1;
}

static void prepare_tls(void) {
  if (opt.ca == NULL) return;
  tls = SSL_CTX_new(TLS_client_method());
  if (tls == NULL || SSL_CTX_load_verify_locations(tls, opt.ca, NULL) != 1) die_of_tls(opt.ca);
  if (opt.cert != NULL && SSL_CTX_use_certificate_chain_file(tls, opt.cert) != 1) die_of_tls(opt.cert);
  if (opt.key != NULL && SSL_CTX_use_PrivateKey_file(tls, opt.key, SSL_FILETYPE_PEM) != 1) die_of_tls(opt.key);
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(tls, 1);
  SSL_CTX_set_alpn_protos(tls, (const unsigned char *)"\x02h2", 3);
  if (!opt.resume) return;
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(tls, on_new_session);
}

/* Connects, and begins a session of HTTP/2; a handshake goes on with the events. */
static void dial(struct connection *connection) {
  connection->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connection->fd < 0) die("socket");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)connection->port)};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) < 0) die("connect");
  int one = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(connection->fd, F_SETFL, fcntl(connection->fd, F_GETFL) | O_NONBLOCK);
  if (tls != NULL) {
    connection->ssl = SSL_new(tls);
    if (connection->ssl == NULL || SSL_set_fd(connection->ssl, connection->fd) != 1) die_of_tls("connection");
    SSL_set_tlsext_host_name(connection->ssl, "localhost");
    SSL_set_app_data(connection->ssl, connection);
    if (connection->resumable != NULL) SSL_set_session(connection->ssl, connection->resumable);
    connection->shaking_hands = true;
  }

  nghttp2_session_callbacks *callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  nghttp2_session_client_new(&connection->session, callbacks, connection);
  nghttp2_session_callbacks_del(callbacks);
  /* h2load's defaults: windows of 30 bits, so that flow control is not what is measured. */
  nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (1u << 30) - 1}};
  nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, 2);
  nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, (1 << 30) - 1);

  connection->want_write = false;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event);
}

static void open_connection(struct connection *connection, int port, int slots) {
  connection->port = port;
  connection->slot_count = slots;
  connection->slots = calloc((size_t)slots, sizeof(struct slot));
  for (int i = 0; i < slots; i++) {
    connection->slots[i].connection = connection;
    connection->slots[i].body = malloc((size_t)(2 * opt.value_size + 4096));
    connection->slots[i].started_ns = now_ns();
  }
  dial(connection);
}

/* Leaves as a client does, and comes again. */
static void connect_again(struct connection *connection) {
  connection->leaving = false;
  if (connection->ssl != NULL) {
    SSL_shutdown(connection->ssl);
    SSL_free(connection->ssl);
    connection->ssl = NULL;
  }
  nghttp2_session_del(connection->session);
  close(connection->fd);
  connection->out_length = connection->out_sent = 0;
  connection->slots[0].started_ns = now_ns();
  dial(connection);
  start_slot(&connection->slots[0]);
  flush_connection(connection);
}

/* What the first measured process holds of its own, in KiB. */
static long anonymous_kib(void) {
  char path[64], line[256];
  long kib = 0;
  if (opt.pid_count == 0) return 0;
  snprintf(path, sizeof path, "/proc/%ld/status", opt.pids[0]);
  FILE *file = fopen(path, "r");
  if (file == NULL) die(path);
  while (fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "RssAnon: %ld kB", &kib) == 1) break;
  fclose(file);
  return kib;
}

/* utime + stime of all measured processes in microseconds. */
static uint64_t server_cpu_us(void) {
  char path[64], line[1024];
  uint64_t ticks = 0;
  for (int i = 0; i < opt.pid_count; i++) {
    snprintf(path, sizeof path, "/proc/%ld/stat", opt.pids[i]);
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(line, sizeof line, file) == NULL) die(path);
    fclose(file);
    unsigned long user, system;
    char *after = strrchr(line, ')');
    if (sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) die(path);
    ticks += (uint64_t)(user + system);
  }
  return ticks * 1000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
}

static uint64_t own_cpu_us(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000ull +
         (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Numbers separated by commas; returns how many, 0 for anything else. */
static int parse_list(const char *text, long *numbers) {
  int count = 0;
  for (const char *at = text; *at != 0; count++) {
    char *end;
    if (count == MAX_SERVERS) return 0;
    numbers[count] = strtol(at, &end, 10);
    if (end == at || (*end != 0 && *end != ',')) return 0;
    at = *end == ',' ? end + 1 : end;
  }
  return count;
}

static void parse(int argc, char **argv) {
  enum { O_OP = 1, O_PORT, O_CONN, O_STREAMS, O_SECONDS, O_WARMUP, O_KEYS, O_KEY_SIZE, O_VALUE_SIZE, O_SEED, O_SPAN, O_LIMIT,
         O_SERIALIZABLE, O_COUNT_ONLY, O_ALL, O_PID, O_WINDOW, O_TOKEN, O_CA, O_CERT, O_KEY, O_RESUME };
  static struct option options[] = {
      {"op", 1, 0, O_OP}, {"port", 1, 0, O_PORT}, {"connections", 1, 0, O_CONN}, {"streams", 1, 0, O_STREAMS},
      {"seconds", 1, 0, O_SECONDS}, {"warmup", 1, 0, O_WARMUP}, {"keys", 1, 0, O_KEYS}, {"key-size", 1, 0, O_KEY_SIZE},
      {"value-size", 1, 0, O_VALUE_SIZE}, {"seed", 1, 0, O_SEED}, {"span", 1, 0, O_SPAN}, {"limit", 1, 0, O_LIMIT},
      {"serializable", 0, 0, O_SERIALIZABLE}, {"count-only", 0, 0, O_COUNT_ONLY}, {"all", 0, 0, O_ALL}, {"pid", 1, 0, O_PID},
      {"window", 1, 0, O_WINDOW}, {"token", 1, 0, O_TOKEN},
      {"ca", 1, 0, O_CA}, {"cert", 1, 0, O_CERT}, {"key", 1, 0, O_KEY}, {"resume", 0, 0, O_RESUME}, {0, 0, 0, 0}};
  bool named = false, bad_list = false;
  long numbers[MAX_SERVERS];
  int c;
  while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
    switch (c) {
    case O_OP:
      for (int i = 0; i < OP_COUNT; i++)
        if (strcmp(optarg, op_names[i]) == 0) opt.op = (enum op)i, named = true;
      break;
    case O_PORT:
      opt.port_count = parse_list(optarg, numbers);
      for (int i = 0; i < opt.port_count; i++) opt.ports[i] = (int)numbers[i];
      break;
    case O_CONN: opt.connections = atoi(optarg); break;
    case O_STREAMS: opt.streams = atoi(optarg); break;
    case O_SECONDS: opt.seconds = atof(optarg); break;
    case O_WARMUP: opt.warmup = atof(optarg); break;
    case O_KEYS: opt.keys = strtoull(optarg, NULL, 10); break;
    case O_KEY_SIZE: opt.key_size = atoi(optarg); break;
    case O_VALUE_SIZE: opt.value_size = atoi(optarg); break;
    case O_SEED: opt.seed = strtoull(optarg, NULL, 10); break;
    case O_SPAN: opt.span = strtoull(optarg, NULL, 10); break;
    case O_LIMIT: opt.limit = strtoull(optarg, NULL, 10); break;
    case O_SERIALIZABLE: opt.serializable = true; break;
    case O_COUNT_ONLY: opt.count_only = true; break;
    case O_ALL: opt.all = true; break;
    case O_PID:
      opt.pid_count = parse_list(optarg, opt.pids);
      bad_list |= opt.pid_count == 0;
      break;
    case O_WINDOW: opt.window = atoi(optarg); break;
    case O_TOKEN: opt.token = optarg; break;
    case O_CA: opt.ca = optarg; break;
    case O_CERT: opt.cert = optarg; break;
    case O_KEY: opt.key = optarg; break;
    case O_RESUME: opt.resume = true; break;
    default: exit(2);
    }
  }
  if (!named || bad_list || opt.port_count == 0 || opt.key_size < 12 || opt.key_size > 128 || opt.value_size < 16 || opt.value_size > 32768 || opt.connections < 1 ||
      opt.streams < 1 || opt.window > 256 || (opt.op == OP_CONNECT && opt.streams != 1) || (opt.cert == NULL) != (opt.key == NULL) ||
      (opt.ca == NULL && (opt.cert != NULL || opt.resume))) {
    fprintf(stderr, "etcdload: bad arguments\n");
    exit(2);
  }
}

int main(int argc, char **argv) {
  parse(argc, argv);
  rng = opt.seed * 0x9e3779b97f4a7c15ull + 1;
  value = malloc((size_t)opt.value_size);
  for (int i = 0; i < opt.value_size; i++) value[i] = (uint8_t)next_random();
  epoll_fd = epoll_create1(0);
  prepare_tls();
  long held_kib = anonymous_kib();
  connections = calloc((size_t)opt.connections, sizeof *connections);
  for (int i = 0; i < opt.connections; i++) open_connection(&connections[i], opt.ports[i % opt.port_count], opt.streams);
  if (opt.op == OP_WATCH) open_connection(&putter, opt.ports[0], opt.window);
  for (int i = 0; i < opt.connections; i++) {
    for (int s = 0; s < opt.streams; s++) start_slot(&connections[i].slots[s]);
    flush_connection(&connections[i]);
  }
  if (opt.op == OP_WATCH) flush_connection(&putter);

  uint64_t started = now_ns(), measured_from = started, server_cpu = server_cpu_us(), own_cpu = own_cpu_us();
  bool warm = filling();
  uint64_t slots = (uint64_t)opt.connections * (uint64_t)opt.streams;
  struct epoll_event events[256];
  for (;;) {
    int n = epoll_wait(epoll_fd, events, 256, 100);
    if (n < 0 && errno != EINTR) die("epoll");
    for (int i = 0; i < n; i++) {
      struct connection *connection = events[i].data.ptr;
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(connection);
      flush_connection(connection);
      if (connection->leaving) connect_again(connection);
    }
    if (opt.op == OP_WATCH) send_watched_puts();
    uint64_t now = now_ns();
    if (opt.op == OP_WATCH && watchers_created < slots) started = now;
    if (opt.op == OP_IDLE) {
      if (completed < slots) measured_from = now;
      else if (now - measured_from >= (uint64_t)(opt.seconds * 1e9)) break;
      continue;
    }
    if (!warm && now - started >= (uint64_t)(opt.warmup * 1e9)) {
      warm = true;
      memset(histogram, 0, sizeof histogram);
      completed = failed = bytes_received = resumed = 0;
      puts_sent -= deliveries / slots;
      deliveries = deliveries % slots;
      measured_from = now;
      server_cpu = server_cpu_us();
      own_cpu = own_cpu_us();
    }
    if (filling() ? completed >= opt.keys : warm && now - measured_from >= (uint64_t)(opt.seconds * 1e9)) break;
  }
  stopping = true;
  uint64_t elapsed = now_ns() - measured_from;
  server_cpu = server_cpu_us() - server_cpu;
  own_cpu = own_cpu_us() - own_cpu;
  uint64_t count = opt.op == OP_WATCH ? deliveries : completed;
  held_kib = anonymous_kib() - held_kib;
  for (char *c = first_error; *c; c++)
    if (*c == '"' || *c == '\\' || (unsigned char)*c < 32) *c = ' ';
  printf("{\"op\":\"%s\",\"connections\":%d,\"streams\":%d,\"seconds\":%.3f,\"requests\":%llu,\"failed\":%llu,"
         "\"perSecond\":%.1f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f,\"maxUs\":%.1f,\"serverCpuUs\":%llu,"
         "\"clientCpuUs\":%llu,\"bytesReceived\":%llu,\"resumed\":%llu,\"heldKib\":%ld,\"firstError\":\"%s\"}\n",
         op_names[opt.op], opt.connections, opt.streams, (double)elapsed / 1e9, (unsigned long long)count,
         (unsigned long long)failed, (double)count / ((double)elapsed / 1e9), percentile(0.5), percentile(0.99), percentile(0.999),
         percentile(1), (unsigned long long)server_cpu, (unsigned long long)own_cpu, (unsigned long long)bytes_received,
         (unsigned long long)resumed, held_kib, first_error);
  return 0;
}
