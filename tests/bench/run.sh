#!/bin/sh
# run.sh BUILD [--update]: how fast, beside other programs, measured in one run on
# one machine. What counts is the ratio; a ratio more than 25 % worse than the one in
# RESULTS.md fails. --update (or BENCH_UPDATE=1) writes RESULTS.md anew.
#
# BENCH_COMMITS (20000): the length of the history that the hook judges.
# BENCH_PUSH (100000): that of a cold push.
# BENCH_ONLY: a list out of sign, commit, agent, keys, log, hook, refs, push, cred.
# All of it happens in memory (/dev/shm; TMPDIR names another place): what a disk takes differs
# from second to second by more than a signature costs.
set -eu
cd "$(dirname "$0")/../.."
build=$(cd "$1" && pwd)
update=${BENCH_UPDATE-}
[ "${2-}" != --update ] || update=1
commits=${BENCH_COMMITS:-20000}
only=${BENCH_ONLY:-sign commit agent keys log hook refs push cred}
results=tests/bench/RESULTS.md
here=$(pwd)

GH_SRC=$here/tests GH_BIN=$build/bin GH_HOOKS=$build/hooks GH_TOOLS=$build/tests
memory=/dev/shm
[ "$(stat -f -c %T $memory 2>/dev/null)" = tmpfs ] && [ -w $memory ] || memory=/tmp
TMPDIR=${TMPDIR:-$memory}
export GH_SRC GH_BIN GH_HOOKS GH_TOOLS TMPDIR
. "$here/tests/system/lib.sh"

[ -x "$GH_BIN/gitsign-hsm" ] || bail "no gitsign-hsm in $GH_BIN"
for t in gpgsm ssh-agent gnupg-pkcs11-scd; do gh_need "$t"; done

gh_world
# Nobody sets this where speed counts, and it has git asked for its configuration.
unset GIT_CEILING_DIRECTORIES
table=$GH_WORLD/table
: >"$table"

# row NAME OURS REFERENCE UNIT WHAT: one line of the result.
row() {
	awk -v n="$1" -v a="$2" -v b="$3" -v u="$4" -v w="$5" \
		'BEGIN { printf "| %s | %.3g %s | %.3g %s | %.3f | %s |\n", n, a, u, b, u, a / b, w }' |
		tee -a "$table"
}
# pair COMMAND COMMAND: medians of the whole processes in turn, ms, in $A and $B;
# standard input from ./payload.
pair() {
	"$build/bench/stopwatch" "${RUNS:-40}" payload "$1" "$2" >pair.out || bail "failed: $*"
	A=$(sed -n 1p pair.out)
	B=$(sed -n 2p pair.out)
}
wanted() {
	case " $only " in *" $1 "*) ;; *) return 1 ;; esac
}
# cpu COMMAND...: sets CPU and WALL, seconds.
cpu() {
	perl -e 'use Time::HiRes "time"; my $t = time; my $r = system(@ARGV); my $w = time - $t;
		my (undef, undef, $u, $s) = times; printf STDERR "\n@@ %.4f %.4f\n", $u + $s, $w;
		exit($r >> 8 || $r & 127)' "$@" >cpu.out 2>cpu.err || {
		cat cpu.out cpu.err >&2
		bail "failed: $*"
	}
	CPU=$(sed -n 's/^@@ \([0-9.]*\) .*/\1/p' cpu.err)
	WALL=$(sed -n 's/^@@ [0-9.]* \([0-9.]*\)/\1/p' cpu.err)
}

# gpgsm_trusts: the authority is an anchor for gpgsm. The agent that the import starts has read the
# list before, and would have every check ask a person.
gpgsm_trusts() {
	[ ! -s "$GNUPGHOME/gpgsm.conf" ] || return 0
	printf '%s\n' disable-crl-checks disable-dirmngr batch no-tty >"$GNUPGHOME/gpgsm.conf"
	gh_setup gpgsm --import "$GH_ROOTS"
	gpgsm --with-colons --list-keys 2>/dev/null |
		awk -F: '$1 == "fpr" { print $10 " S relax"; exit }' >"$GNUPGHOME/trustlist.txt"
	gpgconf --kill gpg-agent
}

# --- the signers -------------------------------------------------------------
# Ours has a token with one key: what C_Initialize costs grows with its objects.
gh_key alice EC:prime256v1 alice@example.com
gh_use alice
printf '%s\n' 'tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904' 'author A <a@example.com> 1 +0000' \
	'committer A <a@example.com> 1 +0000' '' x >payload
git config --global hsm.agent off
fp=$(gh_fp alice)
uri=$(gh_uri alice)

if wanted sign || wanted commit || wanted agent; then
	# ssh-agent with the key in the token
	cat >askpass <<-EOF
		#!/bin/sh
		cat $GH_PIN_FILE
	EOF
	chmod 700 askpass
	ssh-agent -a "$GH_WORLD/agent" -P '/usr/lib/*' >agent.env
	# shellcheck disable=SC1091
	. ./agent.env >/dev/null
	gh_at_exit "kill $SSH_AGENT_PID 2>/dev/null"
	SSH_ASKPASS=$GH_WORLD/askpass SSH_ASKPASS_REQUIRE=force \
		gh_setup ssh-add -s "$(readlink -f "$GH_MODULE")"
	ssh-add -L >token.pub
	ssh-keygen -q -t ecdsa -b 256 -N '' -f file.key

	# gpgsm with gnupg-pkcs11-scd: it offers no EC keys; a token of its own in RSA
	mkdir scd-tokens
	sed "s|^directories.tokendir.*|directories.tokendir = $GH_WORLD/scd-tokens|" \
		"$SOFTHSM2_CONF" >scd.conf
	ec_conf=$SOFTHSM2_CONF
	SOFTHSM2_CONF=$GH_WORLD/scd.conf
	gh_token scd
	gh_key rita rsa:2048 rita@example.com
	cat >pinentry <<-EOF
		#!/bin/sh
		echo OK
		while read -r l; do
			case \$l in
			GETPIN*) echo "D \$(cat $GH_PIN_FILE)"; echo OK ;;
			BYE*) echo OK; exit 0 ;;
			*) echo OK ;;
			esac
		done
	EOF
	chmod 700 pinentry
	cat >"$GNUPGHOME/gpg-agent.conf" <<-EOF
		scdaemon-program /usr/bin/gnupg-pkcs11-scd
		pinentry-program $GH_WORLD/pinentry
	EOF
	cat >"$GNUPGHOME/gnupg-pkcs11-scd.conf" <<-EOF
		providers p1
		provider-p1-library $(readlink -f "$GH_MODULE")
	EOF
	gpgsm_trusts
	gh_setup gpg-connect-agent 'SCD LEARN --force' /bye
	gh_setup gpgsm --learn-card
	scd_fp=$(gh_fp rita sha1 | tr a-f A-F)
	gh_setup gpgsm -bsau "0x$scd_fp" --output scd.sig payload
	SOFTHSM2_CONF=$ec_conf
fi

if wanted sign; then
	echo "# one signature, whole process, P-256 (gpgsm: RSA-2048), median of ${RUNS:-40}, ms"
	gh_setup git init -q . # as git would run it
	ours="$GH_BIN/gitsign-hsm --status-fd=2 -bsau $fp"
	if [ -x "$GH_TOOLS/p11-raw" ]; then
		pair "$ours" "$GH_TOOLS/p11-raw $GH_MODULE world $GH_PIN_FILE $uri"
		row sign/raw "$A" "$B" ms "one signature, no agent : a raw PKCS#11 process"
	fi
	pair "$ours" "ssh-keygen -q -Y sign -n git -f file.key"
	row sign/ssh-file "$A" "$B" ms "one signature, no agent : ssh-keygen, key in a file"
	pair "$ours" "ssh-keygen -q -Y sign -n git -f token.pub"
	row sign/ssh-agent "$A" "$B" ms "one signature, no agent : ssh-agent, key in the token"
	pair "$ours" "gpgsm -q -bsau 0x$scd_fp"
	row sign/gpgsm-scd "$A" "$B" ms "one signature, no agent : gpgsm with gnupg-pkcs11-scd, warm"
fi

# commits NAME WORDS...: makes the repository NAME, of 60 commits; $COMMIT is the command by
# which git with these words adds one. Single commits are timed: what signing adds to a run of
# a hundred is less than what else a machine does meanwhile.
commits() {
	if [ ! -e plain ]; then
		gh_setup git init -q plain
		n=0
		while [ $n -lt 60 ]; do
			git -C plain commit -q --allow-empty -m x
			n=$((n + 1))
		done
	fi
	rm -rf "$1"
	cp -R plain "$1"
	COMMIT="git -C $* commit -q --allow-empty -m x"
}
# turns N COMMAND...: medians of N runs of each, in turn, ms; turn I: that of the I-th.
turns() {
	n=$1
	shift
	"$build/bench/stopwatch" "$n" payload "$@" >turns.out || bail "failed: $*"
}
turn() { sed -n "$1p" turns.out; }
# added NAME OURS REFERENCE WHAT: what those two turns add to the first, which signs nothing.
added() {
	A=$(awk -v a="$(turn "$2")" -v p="$(turn 1)" 'BEGIN { print a - p }')
	B=$(awk -v a="$(turn "$3")" -v p="$(turn 1)" 'BEGIN { print a - p }')
	case $A$B in *-*) bail "$1: the machine is too busy to see a difference" ;; esac
	row "$1" "$A" "$B" ms "git commit -S over unsigned, $4"
}
# last_good NAME: what was timed are signatures.
last_good() {
	git -C "$1" verify-commit HEAD 2>/dev/null || bail "the last commit of $1 does not verify"
}
# last_signed NAME...: the same of those whose check would need more preparation.
last_signed() {
	for r; do
		git -C "$r" cat-file commit HEAD | grep -q '^gpgsig ' ||
			bail "the last commit of $r is not signed"
	done
}
# four_signers: a repository for each, and for none, and the commands that commit there.
four_signers() {
	commits none -c commit.gpgSign=false
	none=$COMMIT
	commits ours $with_ours
	ours=$COMMIT
	commits ssh-agent $with_agent
	agent=$COMMIT
	commits ssh-file $with_file
	file=$COMMIT
	commits scd $with_scd
	scd=$COMMIT
}
# What git is told for each.
with_ours="-c commit.gpgSign=true -c user.signingKey=$fp"
with_agent="-c commit.gpgSign=true -c gpg.format=ssh -c user.signingKey=$GH_WORLD/token.pub"
with_file="-c commit.gpgSign=true -c gpg.format=ssh -c user.signingKey=$GH_WORLD/file.key"
with_scd="-c commit.gpgSign=true -c gpg.x509.program=gpgsm -c user.signingKey=0x${scd_fp-}"
if wanted commit; then
	echo "# git commit, what signing adds, in turn, median of ${RUNS:-40}, ms"
	four_signers
	turns "${RUNS:-40}" "$none" "$ours" "$agent" "$file" "$scd"
	last_good ours
	added commit/ssh-agent 2 3 "no agent : ssh-agent, key in the token"
	added commit/ssh-file 2 4 "no agent : ssh-keygen, key in a file"
	added commit/gpgsm-scd 2 5 "no agent : gpgsm with gnupg-pkcs11-scd"
fi

if wanted agent; then
	. "$here/tests/bench/agent.sh"
fi
if wanted keys; then
	. "$here/tests/bench/keys.sh"
fi

# --- verifying ------------------------------------------------------------------
. "$here/tests/bench/hook.sh"

if wanted cred; then
	. "$here/tests/bench/cred.sh"
fi

# --- compared with the last time ----------------------------------------------------
worse=0
if [ -s "$here/$results" ] && [ -z "$update" ]; then
	while IFS='|' read -r _ name _ _ ratio _; do
		name=$(echo "$name" | tr -d ' ')
		last=$(awk -F'|' -v n="$name" '{ k = $2; gsub(/ /, "", k) } k == n { print $5 + 0 }' "$here/$results")
		[ -n "$last" ] || continue
		if awk -v a="$ratio" -v b="$last" 'BEGIN { exit !(a > b * 1.25) }'; then
			echo "bench: $name: $ratio is more than 25 % worse than $last"
			worse=1
		fi
	done <"$table"
elif [ -n "$update" ]; then
	{
		echo '# Speed'
		echo
		echo 'Written by `make bench BENCH_UPDATE=1`. A ratio is ours over the reference, both measured in one'
		echo 'run on one machine: smaller is better. `make bench` fails when one is more than 25 % worse.'
		echo
		printf '%s; %s; OpenSSL %s; git %s; %s commits for the hook; files on %s.\n\n' \
			"$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores" \
			"$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)" \
			"$(openssl version | cut -d' ' -f2)" "$(git version | cut -d' ' -f3)" "$commits" \
			"$(stat -f -c %T "$TMPDIR")"
		echo '| name | ours | reference | ratio | what : beside what |'
		echo '|---|---|---|---|---|'
		cat "$table"
	} >"$here/$results"
	echo "bench: wrote $results"
fi
[ "$worse" = 0 ] || exit 1
echo "bench: done"
