#!/usr/bin/env bash
# Fails on words that mfaload does not use in anything that a person reads: pages,
# messages, comments. Each line of the list is a pattern (grep -E, whole words, any
# case) and what to write instead. Names in code (Beside, broken.Off) do not count.
set -uo pipefail
cd "$(dirname "$0")/.."
found=0
while IFS=$'\t' read -r pattern instead; do
  [ -n "$pattern" ] || continue
  # Recorded outputs of earlier versions, licences and this list may have any word.
  lines=$(git grep -n -w -i -I -E "$pattern" -- ':!tools/words.sh' ':!CHANGELOG.md' ':!docs/licenses.md' ':!bench/RESULTS.md' \
    ':!*/testdata/fuzz/*' ':!*/testdata/frozen/input/*' ':!*.json' ':!go.sum' ':!*/go.sum' ':!docs/images/*') || continue
  found=1
  printf '%s\n  write: %s\n' "$lines" "$instead"
done <<'LIST'
anew	again
beside the|beside a|beside it|beside them|stands? beside	next to, in addition to
mend|mends|mended|mending	fix
hangs? together	is correlated, are correlated
broken off|broke off	interrupted
in the very same	identically
(is|are) there twice	is a duplicate
gave an occasion	exercised
once more leaves	press Ctrl-C again
(an|the|every|each|no|whole) answer (of|from) the (service|server)	response
without (an )?answer	failed
looked at rules?	exercised
(is|are|was|were) held against	is compared with, is checked against
neighbours?|neighbouring	neighbor
an response	a response
thresholds? (is|are|was|were) (kept|broken)	is met, is missed
broken threshold	missed threshold
LIST
exit $found
