#!/bin/sh
# Makes all files of the image in a new folder: rootfs.sh DIR. The Dockerfile runs
# it, and so does 'make image-check', where there is no engine for containers.
set -eu
root=$1
cd "$(dirname "$0")/.."
mkdir -p "$root/usr/bin" "$root/etc/ssl/certs" "$root/work"
install -d -m 1777 "$root/tmp"
CGO_ENABLED=0 go build -tags grpcnotrace -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=${VERSION:-unversioned}" \
  -o "$root/usr/bin/mfaload" ./cmd/mfaload
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo 'mfaload:x:65532:65532::/work:/sbin/nologin' >"$root/etc/passwd"
echo 'mfaload:x:65532:' >"$root/etc/group"
