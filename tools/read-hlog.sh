#!/usr/bin/env bash
# Reads an HdrHistogram log with hdr-histogram-js, an implementation of others,
# and prints a line of JSON for each of its lines. Needs Node.js and, the first
# time, the npm registry. Exit code 3: it can't be had here.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
  echo 'read-hlog: npm is missing: install Node.js' >&2
  exit 3
fi
version=3.0.1
if ! grep -qs "\"version\": \"$version\"" .node/node_modules/hdr-histogram-js/package.json; then
  npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix .node "hdr-histogram-js@$version" >&2 || {
    echo 'read-hlog: hdr-histogram-js could not be installed' >&2
    exit 3
  }
fi
exec node read-hlog.cjs "$1"
