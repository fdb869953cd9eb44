#!/usr/bin/env bash
# Holds documents against JSON Schemas with two implementations of others, ajv
# and cfworker's, and prints a line of JSON for each document and implementation:
#
#   tools/schemas.sh SCHEMA DOCUMENT [SCHEMA DOCUMENT]...
#
# Needs Node.js and, the first time, the npm registry. Exit code 3: they can't be
# had here.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
missing() {
  echo "schemas: $1" >&2
  exit 3
}
command -v npm >/dev/null && command -v node >/dev/null || missing 'npm is missing: install Node.js 20 or newer'
modules="$here/.node/schemas"
ajv=8.20.0 formats=3.0.1 cfworker=4.1.6
mkdir -p "$modules"
if command -v flock >/dev/null; then # tests of several packages may come here at once
  exec 9>"$modules/lock"
  flock 9
fi
has() { grep -qs "\"version\": \"$2\"" "$modules/node_modules/$1/package.json"; }
if ! has ajv "$ajv" || ! has ajv-formats "$formats" || ! has @cfworker/json-schema "$cfworker"; then
  npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$modules" \
    "ajv@$ajv" "ajv-formats@$formats" "@cfworker/json-schema@$cfworker" >&2 || missing 'the validators could not be installed from the npm registry'
fi
exec 9>&-
exec node "$here/schemas.cjs" "$@"
