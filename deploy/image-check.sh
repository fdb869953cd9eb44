#!/usr/bin/env bash
# Tries the image's files without an engine for containers: their size, and, with
# root rights, a run in them as the image's user, who may write nowhere but where
# results go.
set -euo pipefail
cd "$(dirname "$0")/.."
most=25000000          # of what is pulled
most_unpacked=31000000 # decision 32
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
deploy/rootfs.sh "$root"
size=$(du --apparent-size -sb "$root" | cut -f1)
packed=$(tar -C "$root" -c . | gzip -9 | wc -c)
echo "image: $packed bytes to pull, compressed as a registry has them; $size unpacked"
if ((packed > most || size > most_unpacked)); then
  echo "image: more than $most bytes to pull, or $most_unpacked unpacked" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo 'image: NOT STARTED: that takes root rights (chroot)'
  exit 0
fi
chown 65532:65532 "$root/work"
cp scenarios/quickstart.yaml "$root/work/"
sed -i 's/duration: 10s/duration: 1s/' "$root/work/quickstart.yaml"
inside() { chroot --userspec=65532:65532 "$root" /usr/bin/mfaload "$@"; }
inside version
(cd "$root" && inside run -q --out /work/results /work/quickstart.yaml) | head -1
if inside run -q --out /results /work/quickstart.yaml 2>/dev/null; then
  echo 'image: its user may write to /' >&2
  exit 1
fi
stat -c '%a %u %n' "$root/work/results" "$root/work/results/report.json"
