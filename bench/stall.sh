#!/usr/bin/env bash
# What do tools say of a service that stands still for a third of the time?
# One server, 1000 requests a second, at most 64 in flight. bench/peers.sh
# installs vegeta and k6; one that is not there is left out.
#
# The server answers at once, but nothing leaves it for a second at its seconds 3,
# 6 and 9: of 10 s, three. So 30 % of the users wait, evenly up to a second, and
# arithmetic gives the percentiles that a tool has to report. Each tool has a
# server of its own, which begins when it does.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${LENGTH:-10}
address=127.0.0.1:${PORT:-8093}
work=$(mktemp -d)
mfaload=$(command -v mfaload || echo bin/mfaload)
user=788d4931-6936-43f2-82ff-178f5762298a
env=abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6
url=http://$address/$env/deviceAuthentications
body="{\"user\":{\"id\":\"$user\"}}"

cat >"$work/server.yaml" <<EOF
envID: $env
stalls: [{every: 3s, for: 1s}]
users: [{ids: [$user], devices: [EMAIL]}]
EOF
server=
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
serve() {
  if [ -n "$server" ]; then kill "$server"; wait "$server" || true; fi
  "$mfaload" simulate -q --addr "$address" "$work/server.yaml" >/dev/null &
  server=$!
  until (exec 3<>"/dev/tcp/${address%:*}/${address#*:}") 2>/dev/null; do kill -0 $server; done
}

row() { printf '%-44s %8s %8s %8s %9s\n' "$@"; }
row '' p50 p90 p99 requests
truth() { awk -v s="$seconds" -v rest="$1" 'BEGIN {printf "%.0f", 1000 * (1 - rest * s / int((s - 1) / 3))}'; }
row 'arithmetic, ms' '~0' "$(truth 0.1)" "$(truth 0.01)" $((seconds * 1000))

cat >"$work/load.yaml" <<EOF
name: stall
target: {authPath: "http://$address", envID: $env, accessToken: any}
users: [{name: all, ids: [$user]}]
load: {workers: 64, stages: [{rate: 1000/s, duration: ${seconds}s}]}
EOF
serve
"$mfaload" run -q --out "$work/out" "$work/load.yaml" >"$work/said" || true
of() { # kind, percentile
  awk -v kind="$1" -v p="$2" '/times in ms/ {on = 1; getline; for (i = 1; i <= NF; i++) at[$i] = i + 1} on && $1 == kind {print $at[p]; exit}' "$work/said"
}
sent=$(awk '$1 == "count" {print $3; exit}' "$work/said")
row 'mfaload, response time' "$(of response p50)" "$(of response p90)" "$(of response p99)" "$sent"
row 'mfaload, service time' "$(of service p50)" "$(of service p90)" "$(of service p99)" "$sent"

short() { awk -v unit="$1" '{x = $1 / unit; printf x < 100 ? "%.3g" : "%.0f", x}'; }
peer() { command -v "$1" || { [ -x "bench/.peers/$1" ] && echo "bench/.peers/$1"; } || true; }

vegeta=$(peer vegeta)
if [ -n "$vegeta" ]; then
  printf '%s' "$body" >"$work/body.json"
  printf 'POST %s\nContent-Type: application/json\nAuthorization: Bearer any\n@%s\n' "$url" "$work/body.json" >"$work/targets"
  for workers in 64 10000; do
    serve
    "$vegeta" attack -targets "$work/targets" -rate 1000/1s -duration "${seconds}s" -workers 64 -max-workers $workers >"$work/results"
    "$vegeta" report -type json "$work/results" >"$work/vegeta.json"
    ms() { grep -o "\"$1\":[0-9]*" "$work/vegeta.json" | head -1 | cut -d: -f2 | short 1e6; }
    row "vegeta, at most $workers workers" "$(ms 50th)" "$(ms 90th)" "$(ms 99th)" "$(grep -o '"requests":[0-9]*' "$work/vegeta.json" | cut -d: -f2)"
  done
else
  echo 'vegeta is not installed: bench/peers.sh'
fi

k6=$(peer k6)
if [ -n "$k6" ]; then
  for model in "constant-vus|vus: 64" "constant-arrival-rate|rate: 1000, timeUnit: '1s', preAllocatedVUs: 64, maxVUs: 64"; do
    cat >"$work/k6.js" <<EOF
import http from 'k6/http';
export const options = {
  scenarios: {all: {executor: '${model%%|*}', ${model#*|}, duration: '${seconds}s'}},
  summaryTrendStats: ['p(50)', 'p(90)', 'p(99)'],
};
export default function () {
  http.post('$url', '$body', {headers: {'Content-Type': 'application/json', Authorization: 'Bearer any'}});
}
EOF
    serve
    K6_NO_USAGE_REPORT=true "$k6" run --quiet --no-usage-report --summary-export "$work/k6.json" "$work/k6.js" >/dev/null 2>&1 || true
    ms() { tr -d ' \n' <"$work/k6.json" | grep -o '"http_req_duration":{[^}]*' | grep -o "\"p($1)\":[0-9.]*" | cut -d: -f2 | short 1; }
    row "k6, ${model%%|*}, 64 VUs" "$(ms 50)" "$(ms 90)" "$(ms 99)" "$(tr -d ' \n' <"$work/k6.json" | grep -o '"http_reqs":{[^}]*' | grep -o '"count":[0-9]*' | cut -d: -f2)"
  done
else
  echo 'k6 is not installed: bench/peers.sh'
fi
