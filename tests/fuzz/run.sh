#!/bin/sh
# run.sh DIRECTORY: a short run of every fuzz target in it, FUZZ_SECONDS (60) in
# all. Seeds: tests/fuzz/corpus/NAME/*, and what tests/fuzz/seeds.sh DIR makes into
# DIR/NAME/. What is found stays in DIRECTORY/found/.
set -eu
bin=$1
cd "$(dirname "$0")/../.."
seconds=${FUZZ_SECONDS:-60}

set --
for t in tests/fuzz/fuzz_*.c; do
	[ ! -e "$t" ] || set -- "$@" "$(basename "$t" .c)"
done
if [ $# = 0 ]; then
	echo "fuzz: no targets"
	exit 0
fi
each=$((seconds * 2 / $#))
[ "$each" -ge 2 ] || each=2

tmp=$(mktemp -d "${TMPDIR:-/tmp}/gh-fuzz.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$bin/found" "$tmp/seeds"
if [ -x tests/fuzz/seeds.sh ]; then
	tests/fuzz/seeds.sh "$tmp/seeds"
fi

# one NAME: in the background, two at a time.
one() {
	name=${1#fuzz_}
	mkdir -p "$tmp/$name" "$tmp/seeds/$name"
	[ ! -d "tests/fuzz/corpus/$name" ] || cp -R "tests/fuzz/corpus/$name/." "$tmp/seeds/$name/"
	rc=0
	LSAN_OPTIONS=suppressions=tests/lsan.supp:print_suppressions=0 \
		"$bin/$1" -max_total_time="$each" -timeout=10 -rss_limit_mb=2048 \
		-max_len="${FUZZ_MAX_LEN:-65536}" -artifact_prefix="$bin/found/$name-" -print_final_stats=1 \
		"$tmp/$name" "$tmp/seeds/$name" >"$tmp/$name.log" 2>&1 || rc=$?
	echo "$rc" >"$tmp/$name.rc"
}

bad=0
report() {
	name=${1#fuzz_}
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$tmp/$name.log")
	if [ "$(cat "$tmp/$name.rc")" = 0 ]; then
		printf 'fuzz %-20s ok: %s runs, %s seeds\n' "$name" "$runs" \
			"$(find "$tmp/seeds/$name" -type f | wc -l)"
	else
		printf 'fuzz %-20s FOUND SOMETHING, see %s/found/\n' "$name" "$bin"
		tail -n 40 "$tmp/$name.log" | sed 's/^/    /'
		bad=1
	fi
}

while [ $# -gt 0 ]; do
	one "$1" &
	first=$1
	second=${2-}
	if [ -n "$second" ]; then
		one "$second" &
		shift
	fi
	shift
	wait
	report "$first"
	[ -z "$second" ] || report "$second"
done
exit "$bad"
