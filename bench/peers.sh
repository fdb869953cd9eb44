#!/usr/bin/env bash
# Installs what mfaload is compared with, into bench/.peers: vegeta, hey and k6 as
# Go modules, wrk, h2load and the server nginx from Debian (with root rights). It names
# a peer that it can't install, and the tables leave that out; they need nginx.
set -uo pipefail
cd "$(dirname "$0")"
export GOBIN=$PWD/.peers

module() { # name, module@version
  [ -x ".peers/$1" ] && return
  echo "installing $1 ($2)"
  go install "$2" >/dev/null 2>&1 || echo "$1 is missing: go install $2 failed"
}

debian() { # name, package
  PATH=$PATH:/usr/sbin command -v "$1" >/dev/null && return
  echo "installing $1 (Debian's package $2)"
  { apt-get update && apt-get install -y "$2"; } >/dev/null 2>&1 || echo "$1 is missing: apt-get install $2 failed"
}

module vegeta github.com/tsenart/vegeta/v12@v12.13.0
module hey github.com/rakyll/hey@v0.1.5
module k6 go.k6.io/k6@v1.8.1
debian wrk wrk
debian h2load nghttp2-client
debian nginx nginx
