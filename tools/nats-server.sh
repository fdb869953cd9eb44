#!/usr/bin/env bash
# Installs what 'make fleet-test' needs next to Go, on Debian: a NATS server of
# the distribution, as an external one, and iproute2 for network namespaces.
set -euo pipefail
command -v nats-server >/dev/null && command -v ip >/dev/null && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "nats-server and ip are not installed, and can't be here: their tests are skipped" >&2
  exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nats-server iproute2 >/dev/null
