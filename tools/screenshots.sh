#!/usr/bin/env bash
# Makes the pictures of the docs from real runs: the terminal's by tmux and
# freeze (SVG), the pages' by Chromium (PNG). Needs tmux, and what tools/look.sh
# needs. With "terminal" it makes the terminal's only, in a minute. The figures in
# them are those of the machine that it runs on.
set -euo pipefail
cd "$(dirname "$0")/.."
freeze=github.com/charmbracelet/freeze@v0.2.2
images=$PWD/docs/images
make --silent build
work=$(mktemp -d)
session=mfaload-screenshots-$$
trap 'tmux -L $session kill-server 2>/dev/null || true; rm -rf "$work"' EXIT
export PATH=$PWD/bin:$PATH
cp scenarios/quickstart.yaml "$work/gate.yaml"

picture() { # name, lines: what the terminal shows; freeze knows no end of a color but that of all
  tmux -L "$session" capture-pane -p -e -t shot | sed -e 's/\x1b\[39m/\x1b[0m/g' -e 's/[[:space:]]*$//' | sed -n "$2" >"$work/$1.ansi"
  go run "$freeze" --language ansi --font.family monospace --font.size 13 --padding 16 --window=false \
    --output "$images/$1.svg" "$work/$1.ansi" >/dev/null
  # The font is the reader's: embedded, it would be most of the file.
  sed -i -e '/@font-face {/,/^}/d' -e 's/ *$//' "$images/$1.svg"
}
until_shown() { # text
  for _ in $(seq 300); do
    if tmux -L "$session" capture-pane -p -t shot | grep -q "$1"; then return; fi
    sleep 0.1
  done
  echo "screenshots: $1 was never shown" >&2
  exit 1
}

tmux -L "$session" -f /dev/null new-session -d -s shot -x 84 -y 50 -c "$work" "TERM=xterm-256color PATH='$PATH' bash --norc"
tmux -L "$session" send-keys -t shot "PS1='\$ '; clear" Enter
for _ in 1 2 3 4 5; do # a busy machine makes a run inconclusive
  tmux -L "$session" send-keys -t shot 'clear; mfaload run --overwrite --out results gate.yaml' Enter
  until_shown 'last 10 s'
  sleep 4
  picture progress '/quickstart/,/^$/p'
  until_shown 'report: results'
  picture summary '/^[^ ]*\(PASS\|FAIL\|INCONCLUSIVE\)/,/report: results/p'
  if grep -q PASS "$work/summary.ansi"; then break; fi
done
[ "${1:-}" = terminal ] && exit

page() { # name, file or address: as wide as a screen, in the light
  tools/look.sh --screenshots "$work/$1" "$2" >/dev/null || true # what it finds is for its tests
  cp "$work/$1/"*-1280-light.png "$images/$1.png"
}
page report "$work/results/report.html"
cat >"$work/watch.yaml" <<'END'
name: friday-peak
target: {simulator: {latency: 'lognormal(40ms, 160ms)', faults: [{name: links.self, share: 0.4%}]}}
users:
  - name: email-otp
    ids: [788d4931-6936-43f2-82ff-178f5762298a, 2f4a9c1e-7d0b-4c56-9e83-51b0c6d7a2f4, 991776fd-145b-499e-8237-2c62aef35b2c]
    weight: 3
    expect: {httpStatus: 201, status: OTP_REQUIRED}
  - {name: unknown, ids: [00000000-0000-0000-0000-000000000000], expect: {httpStatus: 404, error: NOT_FOUND}}
load:
  warmup: 10s
  stages: [{rate: 60/s, duration: 40s}, {from: 60/s, to: 200/s, duration: 50s}, {rate: 200/s, duration: 60s}]
thresholds:
  response: {p95: 150ms, p99: 250ms}
  errorRate: 0.1%
  groups: {email-otp: {response: {p95: 120ms}}}
END
mfaload run -q --listen 127.0.0.1:9095 --out "$work/watched" "$work/watch.yaml" >/dev/null 2>"$work/watched.txt" &
watched=$!
trap 'kill $watched 2>/dev/null || true; tmux -L $session kill-server 2>/dev/null || true; rm -rf "$work"' EXIT
sleep 120 # so that the page has something to show
page live "$(sed -n "s/.*live view: //p" "$work/watched.txt")" # with the token, so with its button
kill -INT $watched
ls -l "$images"
