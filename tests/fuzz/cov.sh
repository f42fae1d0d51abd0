#!/bin/sh
# cov.sh BUILD: runs every fuzz target over its seeds, and says how many lines of each
# reader they went through. BUILD is one with V=cov. COV_MIN (90) percent are wanted.
set -eu
build=$1
cd "$(dirname "$0")/../.."
min=${COV_MIN:-90}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/gh-cov.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
tests/fuzz/seeds.sh "$tmp"
find "$build/obj" -name '*.gcda' -delete
for t in tests/fuzz/fuzz_*.c; do
	bin=$build/$(basename "$t" .c)
	name=${bin##*/fuzz_}
	mkdir -p "$tmp/$name"
	[ ! -d "tests/fuzz/corpus/$name" ] || cp -R "tests/fuzz/corpus/$name/." "$tmp/$name/"
	"$bin" "$tmp/$name" >"$tmp/log" 2>&1 || {
		cat "$tmp/log"
		exit 1
	}
done

# lines FILE...: "executed all" of their lines. What only a fault of the system reaches (no
# memory) counts as all else does.
lines() {
	for f; do
		gcov-12 -n -o "$build/obj/${f%.c}.o" "$f" 2>/dev/null || gcov -n -o "$build/obj/${f%.c}.o" "$f"
	done | awk -v files="$*" 'BEGIN { n = split(files, want, " ") }
		/^File / { ok = 0; for (i = 1; i <= n; i++) if ($0 == "File \047" want[i] "\047") ok = 1 }
		/^Lines executed:/ && ok { split($0, p, /[:% ]+/); all += $NF; hit += p[3] * $NF / 100; ok = 0 }
		END { printf "%d %d\n", hit + 0.5, all }'
}

bad=0
reader() { # NAME FILE...
	name=$1
	shift
	# shellcheck disable=SC2046 # two numbers
	set -- $(lines "$@")
	percent=$(($1 * 1000 / ($2 > 0 ? $2 : 1)))
	printf '%-18s %4d of %4d lines  %3d.%d %%\n' "$name" "$1" "$2" $((percent / 10)) $((percent % 10))
	[ "$percent" -ge $((min * 10)) ] || bad=1
}
reader CMS lib/sig/cms_read.c lib/sig/cms_token.c lib/sig/cms_check.c
reader certificate lib/sig/cert.c lib/sig/cert_form.c
reader CRL lib/sig/crl_read.c
reader object lib/object/commit.c lib/object/tag.c lib/object/header.c lib/object/ident.c \
	lib/object/armor.c lib/object/oid.c
reader pack lib/repo/pack.c
reader 'push certificate' lib/object/pushcert.c lib/object/ref.c
reader 'stdin lines' lib/policy/judge_input.c
reader policy lib/policy/file.c lib/policy/file_*.c
reader 'ref patterns' lib/policy/match.c
reader 'git credential' lib/cred/proto.c
reader URL lib/cred/url.c
reader 'kept tokens' lib/cred/tokens.c lib/cred/wire.c
reader JSON lib/oauth/json.c
reader 'token answer' lib/oauth/answer.c
reader 'issuer metadata' lib/oauth/meta.c
reader 'HTTP headers' lib/oauth/http_header.c
reader 'browser request' lib/oauth/loopback_query.c
reader 'SSH data' lib/base/wire.c lib/token/agent_ssh.c
reader 'agent frames' lib/token/agent_wire.c
reader 'git config' lib/base/gitconf_parse.c
reader record lib/record/record_line.c
reader DER lib/base/der.c
reader PEM lib/base/pem.c
[ "$bad" = 0 ] || echo "fuzz-cov: less than $min % of a reader's lines: add seeds to tests/fuzz/corpus"
exit "$bad"
