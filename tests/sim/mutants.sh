#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The simulator's own test: each file of tests/sim/mutants breaks a line of a copy of the tree, and some seed must notice.
#   tests/sim/mutants.sh [NAME...]      SEEDS=1000: how many seeds a mutant may survive
# A line "with: OPTIONS" in the file narrows the histories down to those in which the line matters.
# A mutant that is not noticed, or whose line is not there any more, is a failure.
set -u
cd "$(dirname "$0")/../.."
ROOT=$PWD
TREE=$ROOT/build/mutants
SEEDS=${SEEDS:-1000}
passed=0 failed=0

mkdir -p "$TREE"
# Only what is different is copied, so that make builds only what is different.
git ls-files -co --exclude-standard | while read -r f; do
    [ -f "$f" ] || continue
    cmp -s "$f" "$TREE/$f" && continue
    mkdir -p "$TREE/$(dirname "$f")" && cp "$f" "$TREE/$f"
done

# A source that is not there any more would be built all the same.
find "$TREE" -path "$TREE/build" -prune -o -name '*.[ch]' -print | while read -r f; do
    [ -f "$ROOT${f#"$TREE"}" ] || rm -f "$f"
done

cat >"$TREE/apply.py" <<'PY'
import re, sys
text = open(sys.argv[1]).read()
file = re.search(r'^file: (.*)$', text, re.M).group(1)
source = open(file).read()
for find, put in re.findall(r'^find: (.*)\nput: (.*)$', text, re.M):
    if source.count(find + '\n') != 1:
        sys.exit('%s has this line %d times: %s' % (file, source.count(find + '\n'), find))
    source = source.replace(find + '\n', put + '\n')
open(file + '.orig', 'w').write(open(file).read())
open(file, 'w').write(source)
print(file)
PY

build() {
    make -C "$TREE" --no-print-directory B=build CFLAGS='-O1 -g0 -w' build/stoa-sim >"$TREE/make.log" 2>&1
}

build || { tail -5 "$TREE/make.log"; echo "the tree does not build"; exit 1; }
for m in ${*:-$(ls tests/sim/mutants)}; do
    why=$(sed -n 's/^why: //p' "tests/sim/mutants/$m")
    with=$(sed -n 's/^with: //p' "tests/sim/mutants/$m")
    if ! file=$(cd "$TREE" && python3 apply.py "$ROOT/tests/sim/mutants/$m" 2>&1); then
        echo "not ok - $m: $file"
        failed=$((failed + 1))
        continue
    fi
    if ! build; then
        echo "not ok - $m: does not build"
        tail -3 "$TREE/make.log"
        failed=$((failed + 1))
    else
        # An invariant has to notice it: that the simulator itself ends (an assertion of the product) is not enough.
        out=$("$TREE/build/stoa-sim" --seeds="$SEEDS" $with --quiet --until-failure 2>/dev/null)
        seed=$(printf '%s\n' "$out" | grep -m1 '^seed [0-9]* failed')
        if [ -n "$seed" ]; then
            echo "ok - $m: $why"
            echo "#    $seed"
            passed=$((passed + 1))
        else
            echo "not ok - $m survives $SEEDS seeds: $why"
            printf '%s\n' "$out" | grep -m1 crashed | sed 's/^/#    /'
            failed=$((failed + 1))
        fi
    fi
    mv "$TREE/$file.orig" "$TREE/$file" && touch "$TREE/$file"
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
