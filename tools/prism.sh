#!/usr/bin/env bash
# Prints the path of Prism, a validation proxy of others for OpenAPI documents, and
# installs it first if it has to: the tests of session/check run it next to a check.
#
# Needs Node.js and, the first time, the npm registry. Exit code 3: it can't be had
# here.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
missing() {
  echo "prism: $1" >&2
  exit 3
}
command -v npm >/dev/null && command -v node >/dev/null || missing 'npm is missing: install Node.js 20 or newer'
modules="$here/.node/prism"
version=5.14.2
mkdir -p "$modules"
if ! grep -qs "\"version\": \"$version\"" "$modules/node_modules/@stoplight/prism-cli/package.json"; then
  npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$modules" \
    "@stoplight/prism-cli@$version" >&2 || missing 'Prism could not be installed from the npm registry'
fi
echo "$modules/node_modules/.bin/prism"
