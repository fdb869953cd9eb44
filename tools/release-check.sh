#!/usr/bin/env bash
# Builds a release twice, from two folders and with two build caches, and wants
# the same bytes. PLATFORMS says which systems; two take some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
platforms=${PLATFORMS:-linux/amd64,windows/arm64}
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
export SOURCE_DATE_EPOCH=1700000000
go run -C tools ./release -version v0.0.0 -out "$work/first" -for "$platforms"
mkdir -p "$work/elsewhere"
git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$work/elsewhere"
cd "$work/elsewhere"
GOCACHE=$work/cache go run -C tools ./release -version v0.0.0 -out "$work/second" -for "$platforms"
diff "$work/first/SHA256SUMS" "$work/second/SHA256SUMS"
cat "$work/first/SHA256SUMS"
echo 'release: the same bytes twice'
