#!/usr/bin/env bash
# Looks at pages in a headless Chromium, as narrow as a phone and as wide as a
# screen, light, dark and printed, and prints a line of JSON for each look: what
# the console said, what was asked of the network, which charts are there, what
# does not fit, and what axe-core, a checker of accessibility, finds.
#
#   tools/look.sh [--screenshots DIR] PAGE...     (files or http:// addresses)
#
# Needs Node.js and, the first time, the npm registry. Where Chromium is missing
# it is installed with apt-get, as root or by sudo without a password; MFALOAD_CHROMIUM
# names another one. Exit code 3: it can't be had here.
set -euo pipefail
missing() {
  echo "look: $1" >&2
  exit 3
}
command -v npm >/dev/null && command -v node >/dev/null || missing 'npm is missing: install Node.js 20 or newer'

browser() {
  for name in "${MFALOAD_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    if [ -n "$name" ] && type -P "$name"; then return 0; fi
  done
  return 1
}
here="$(cd "$(dirname "$0")" && pwd)"
mkdir -p "$here/.node"
if command -v flock >/dev/null; then # tests of several packages may come here at once
  exec 9>"$here/.node/look.lock"
  flock 9
fi
if ! browser >/dev/null; then
  command -v apt-get >/dev/null || missing 'Chromium is missing, and so is apt-get to install it with: name one in MFALOAD_CHROMIUM'
  root=
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || missing 'Chromium is missing and may not be installed: run as root, or name one in MFALOAD_CHROMIUM'
    root='sudo -n'
  fi
  echo 'look: installing chromium with apt-get' >&2
  { $root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 ||
    missing 'apt-get could not install chromium: name another one in MFALOAD_CHROMIUM'
fi

modules="$here/.node/look"
playwright=1.65.1 axe=4.14.1
if ! grep -qs "\"version\": \"$playwright\"" "$modules/node_modules/playwright-core/package.json" ||
  ! grep -qs "\"version\": \"$axe\"" "$modules/node_modules/axe-core/package.json"; then
  npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$modules" "playwright-core@$playwright" "axe-core@$axe" >&2 ||
    missing 'playwright-core and axe-core could not be installed from the npm registry'
fi
exec 9>&-
MFALOAD_CHROMIUM="$(browser | head -1)" exec node "$here/look.cjs" "$@"
