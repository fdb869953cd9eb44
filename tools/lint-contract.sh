#!/usr/bin/env bash
# Lints pingone/contract.yaml with Spectral, an OpenAPI linter of others: what
# the contract is written in is no language of our own. Needs Node.js and the
# npm registry.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v npx >/dev/null; then
  echo 'lint-contract: npx is missing: install Node.js' >&2
  exit 1
fi
npx --yes @stoplight/spectral-cli@6.9.0 lint --fail-severity=warn --ruleset tools/spectral.yaml pingone/contract.yaml
