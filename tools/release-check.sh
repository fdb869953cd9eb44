#!/usr/bin/env bash
# Builds a release twice, from two folders, the second time with an empty build
# cache for the program, and wants the same bytes. PLATFORMS says which systems.
set -euo pipefail
cd "$(dirname "$0")/.."
platforms=${PLATFORMS:-linux/amd64}
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
export SOURCE_DATE_EPOCH=1700000000
go run -C tools ./release -version v0.0.0 -out "$work/first" -for "$platforms"
mkdir -p "$work/elsewhere"
git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$work/elsewhere"
cd "$work/elsewhere"
go run -C tools ./release -version v0.0.0 -cache "$work/cache" -out "$work/second" -for "$platforms"
diff "$work/first/SHA256SUMS" "$work/second/SHA256SUMS"
cat "$work/first/SHA256SUMS"
echo 'release: the same bytes twice'
