#!/bin/sh
# Runs every fuzz target for FUZZTIME, as many at a time as there are processors.
# A package's targets are built once. What a fuzzer learns is kept in Go's cache,
# as 'go test -fuzz' keeps it; what it finds, in the package's testdata/fuzz.
set -eu
GO=${GO:-go}
time=${FUZZTIME:-3s}
cache=$($GO env GOCACHE)/fuzz
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT

${GO} list -f "{{.ImportPath}} {{.Dir}}" ${PACKAGES:-./...} | while read -r package dir; do
  targets=$(cat "$dir"/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p')
  [ -n "$targets" ] || continue
  binary=$built/$(echo "$package" | tr / -).test
  $GO test -c -fuzz . -o "$binary" "$package" >&2
  for target in $targets; do
    echo "$binary $dir $package $target"
  done
done > "$built/targets"

# A line each when it is done, with the number of inputs that were tried; all of it where it failed. Where the time
# ends while the corpus is still being run there are no "execs" yet, and those of
# the corpus count. Go calls it a failure where the time ends in the middle of
# an input (golang.org/issue/75804, up to 1.26); what really fails leaves an input
# behind, or names its seed.
one='
binary=$1 dir=$2 package=$3 target=$4
executions() {
  n=$(echo "$out" | sed -n "s/.*execs: \([0-9]*\).*/\1/p" | tail -1)
  if [ "${n:-0}" != 0 ]; then echo "$n executions"; return; fi
  n=$(echo "$out" | sed -n "s/.*gathering baseline coverage: \([0-9]*\)\/.*/\1/p" | tail -1)
  echo "${n:-0} executions, all of its corpus"
}
cd "$dir"
if out=$("$binary" -test.run "^$" -test.fuzz "^$target\$" -test.fuzztime "'$time'" -test.fuzzminimizetime 500ms -test.parallel 1 -test.fuzzcachedir "'$cache'/$package" 2>&1); then
  echo "$package $target: $(executions)"
elif echo "$out" | grep -q "^ *context deadline exceeded" && ! echo "$out" | grep -qE "Failing input|FAIL: $target/|panic"; then
  echo "$package $target: $(executions), the last one cut off by the end of the time"
else
  echo "$out"
  echo "FAIL $package $target"
  exit 1
fi'
xargs -P "$(getconf _NPROCESSORS_ONLN)" -L 1 sh -c "$one" fuzz < "$built/targets"
