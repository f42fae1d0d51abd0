# shellcheck shell=sh disable=SC3043,SC2154
# The part of run.sh that measures verifying: histories, the hook, a push. Sourced by it.

# least A B: the smaller one.
least() {
	awk -v a="$1" -v b="$2" 'BEGIN { print a < b ? a : b }'
}
# calc EXPRESSION [NAME=VALUE...]
calc() {
	local e
	e=$1
	shift
	awk "$(for v; do echo "BEGIN { ${v%%=*} = ${v#*=} }"; done) BEGIN { printf \"%.6g\", $e }"
}

# key_of NAME ARGUMENTS OF GENPKEY...: a key in a file, with a certificate.
key_of() {
	local name
	name=$1
	shift
	[ ! -s "$name.key" ] || return 0
	gh_setup openssl genpkey "$@" -out "$name.key"
	gh_setup openssl pkey -in "$name.key" -pubout -out "keys/$name.pub"
	export GH_CA=root
	gh_certificate "$name" hist@example.com
}
key_of_kind() {
	case $1 in
	p256 | p384) key_of "$1" -algorithm EC -pkeyopt "ec_paramgen_curve:P-${1#p}" ;;
	rsa*) key_of "$1" -algorithm RSA -pkeyopt "rsa_keygen_bits:${1#rsa}" ;;
	ed25519) key_of "$1" -algorithm ED25519 ;;
	esac
}
# history REPO N [KIND]: N signed commits by a key of the kind, packed, tip in $TIP.
history() {
	local kind
	kind=${3:-p256}
	key_of_kind "$kind"
	gh_setup git init -q --bare "$1"
	TIP=$("$build/bench/mk-history" "$kind.key" "keys/$kind.pem" hist hist@example.com "$2" \
		new.pack) || bail mk-history
	gh_setup sh -c 'git -C "$1" index-pack --stdin <new.pack' sh "$1"
	rm new.pack
}
# policy THREADS: writes policy/N.
policy() {
	mkdir -p policy
	cat >"policy/$1" <<-END
		[policy]
			version = 1
			serial = 1
		[trust "corp"]
			roots = $GH_ROOTS
		[signer "hist"]
			email = hist@example.com
			trust = corp
		[algorithms]
			rsaBits = 2048
		[limits]
			threads = $1
		[rule "all"]
			ref = refs/heads/**
			signer = hist
	END
	chmod 644 "policy/$1"
}
# hook REPO POLICY: the hook over the lines in ./push; adds to $CPU and $WALL (seconds, the
# least of the rounds) and $ANON (KiB, the most).
hook() {
	rm -rf "$1/gitsign-hsm"
	gh_setup git -C "$1" config hsm.policy "$GH_WORLD/policy/$2"
	(
		cd "$1" || exit 1
		GIT_DIR=. "$GH_TOOLS/measure" ../took "$GH_HOOKS/pre-receive" <../push >../said 2>&1
	) || bail "the hook: $(cat said)"
	# shellcheck disable=SC2046
	set -- $(cat took)
	CPU=$(least "${CPU:-1e9}" "$1")
	WALL=$(least "${WALL:-1e9}" "$2")
	ANON=$(calc 'a > b ? a : b' "a=${ANON:-0}" "b=$3")
}

# judged KIND N NAME-FOR-OPENSSL-SPEED: rows of one algorithm.
judged() {
	local one bare micro cms start same read
	rm -rf hook.git
	history hook.git "$2" "$1"
	# What the first commit costs is what starting costs.
	printf '%040d %s refs/heads/main\n' 0 "$(git -C hook.git rev-list "$TIP" | tail -n 1)" >push
	CPU='' WALL='' ANON=''
	for _ in 1 2 3 4 5; do hook hook.git 1; done
	start=$CPU
	printf '%040d %s refs/heads/main\n' 0 "$TIP" >push
	CPU='' WALL='' ANON='' same=1e9
	for _ in 1 2 3; do
		hook hook.git 1
		micro=$("$build/bench/judge-micro" "$1")
		same=$(least "$same" "$(echo "$micro" | cut -d' ' -f3)")
	done
	one=$(calc '(c - s) * 1e6 / n' "c=$CPU" "s=$start" "n=$(($2 - 1))")
	bare=$(openssl speed -seconds 2 "$3" 2>/dev/null | awk 'END { print 1e6 / $NF }')
	row "judge/$1" "$one" "$bare" us \
		"judge a commit, one thread, processor time : openssl speed, the bare check"
	calc 'a - b' "a=$one" "b=$bare" | awk '{ printf "# %.1f us above it\n", $1 }'
	read=$(echo "$micro" | cut -d' ' -f4)
	row "judge/$1-above" "$(calc 'a - b' "a=$one" "b=$same")" "$read" us \
		"what is above bare checks of different signatures : inflating, object id and digests alone, between such checks"
	if [ "$(nproc)" -gt 1 ]; then
		CPU='' WALL='' ANON=''
		for _ in 1 2 3; do hook hook.git 2; done
		row "judge-2/$1" "$(calc 'w * 1e6 / n' "w=$WALL" "n=$2")" \
			"$(calc 'c * 1e6 / n / 2' "c=$CPU" "n=$2")" us \
			"judge a commit, two threads, wall : half its processor time"
	fi
	cms=${micro##* }
	[ "$cms" = 0.00 ] || row "judge/$1-cms" "$one" "$cms" us \
		"judge a commit, git's object and all : OpenSSL's CMS_verify in process, the signature alone"
}

# cold N: a git push of all of it, beside the same without a hook.
cold() {
	local with without
	history client.git "$1"
	gh_setup git -C client.git update-ref refs/heads/main "$TIP"
	policy 2
	for how in without with; do
		rm -rf server.git
		gh_setup git init -q --bare server.git
		rm -f server.git/hooks/*
		gh_setup git -C server.git config hsm.policy "$GH_WORLD/policy/2"
		gh_setup chmod -R go-w server.git
		if [ "$how" = with ]; then
			printf '#!/bin/sh\nexec %s %s %s\n' "$GH_TOOLS/measure" "$GH_WORLD/took" \
				"$GH_HOOKS/pre-receive" >server.git/hooks/pre-receive
			chmod 755 server.git/hooks/pre-receive
		fi
		cpu git -C client.git push -q ../server.git main
		[ "$how" = with ] && with=$WALL || without=$WALL
	done
	row push/wall "$with" "$without" s "git push of $1 signed commits, two threads : without a hook"
	# shellcheck disable=SC2046
	set -- "$1" $(cat took)
	row push/speed "$(calc 'c * 1e6 / n' "c=$2" "n=$1")" \
		"$(openssl speed -seconds 2 ecdsap256 2>/dev/null | awk 'END { print 1e6 / $NF }')" us \
		"that push: judge a commit, processor time : openssl speed, a P-256 check"
	row push/memory "$(calc 'k / 1024' "k=$4")" 64 MiB \
		"that push: anonymous memory at its peak : what it may take"
}

# many N: one new commit where N branches stand and are on record.
many() {
	local tip
	rm -rf hook.git all.git
	history all.git $(($1 + 1))
	tip=$TIP
	gh_setup git init -q --bare hook.git
	git -C all.git rev-parse "$tip~1" | git -C all.git pack-objects -q --revs --stdout |
		gh_setup git -C hook.git index-pack --stdin
	git -C all.git rev-list "$tip~1" | awk -v n="$1" 'NR <= n {
		printf "create refs/heads/b%05d %s\n", NR, $1 }' >refs
	awk '{ printf "%040d %s %s\n", 0, $3, $2 }' refs >push
	policy 1
	hook hook.git 1
	# What a push brings lies in a quarantine.
	mkdir hook.git/objects/incoming
	git -C all.git cat-file commit "$tip" | GIT_OBJECT_DIRECTORY=$GH_WORLD/hook.git/objects/incoming \
		git -C hook.git hash-object -w -t commit --stdin >/dev/null
	gh_setup sh -c 'git -C hook.git update-ref --stdin <refs && git -C hook.git pack-refs --all'
	awk -v t="$tip" 'NR == 1 { print $3, t, $2 }' refs >push
	mv hook.git/gitsign-hsm first
	CPU='' WALL='' ANON=''
	for _ in 1 2 3 4 5 6; do
		# The first settles what the push of all has left; from then on it is as it stays.
		hook_again hook.git
	done
	row "refs/$1" "$(calc 'c * 1000' "c=$CPU")" 30 ms \
		"the hook over one new commit beside $1 refs, processor time : what it may take"
}
hook_again() {
	(
		cd "$1" || exit 1
		[ -d gitsign-hsm ] || mv ../first gitsign-hsm
		GIT_QUARANTINE_PATH=$PWD/objects/incoming GIT_OBJECT_DIRECTORY=$PWD/objects/incoming
		GIT_ALTERNATE_OBJECT_DIRECTORIES=$PWD/objects
		export GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
		GIT_DIR=. "$GH_TOOLS/measure" ../took "$GH_HOOKS/pre-receive" <../push >../said 2>&1
	) || bail "the hook: $(cat said)"
	CPU=$(least "${CPU:-1e9}" "$(cut -d' ' -f1 took)")
}

if wanted log; then
	echo "# git log --format=%G? over 500 commits, P-256"
	history log.git 500
	git -C log.git update-ref refs/heads/main "$TIP"
	gpgsm_trusts
	good() { [ "$(grep -c G cpu.out)" = 500 ] || bail "not all are good: $(sort cpu.out | uniq -c)"; }
	cpu git -C log.git log --format=%G? main
	good
	ours=$(calc "w * 2" "w=$WALL")
	burnt=$(calc "c * 2" "c=$CPU")
	cpu git -C log.git -c gpg.x509.program=/bin/true log --format=%G? main
	row log/nothing "$burnt" "$(calc "c * 2" "c=$CPU")" ms \
		"git log --format=%G?, a commit, processor time : a verifier that does nothing"
	git config --global hsm.agent auto
	warm() { git -C log.git log -1 --format=%G? main >/dev/null && "$GH_BIN/gitsign-hsm" agent status | grep -q ^verifier; }
	i=0
	until warm 2>/dev/null; do i=$((i + 1)) && [ $i -lt 100 ] || bail 'no verifier'; sleep 0.1; done
	agent=1e9 nothing=1e9
	for _ in 1 2 3; do
		cpu git -C log.git log --format=%G? main
		good
		agent=$(least "$agent" "$(calc "w * 2" "w=$WALL")")
		cpu git -C log.git -c gpg.x509.program=/bin/true log --format=%G? main
		nothing=$(least "$nothing" "$(calc "w * 2" "w=$WALL")")
	done
	row log/agent "$agent" "$nothing" ms \
		"git log --format=%G?, a commit, by the agent : a verifier that does nothing"
	"$GH_BIN/gitsign-hsm" agent stop
	git config --global hsm.agent off
	cpu git -C log.git -c gpg.x509.program=gpgsm log --format=%G? main
	good
	row log/gpgsm "$agent" "$(calc 'w * 2' "w=$WALL")" ms "git log --format=%G?, a commit, by the agent : gpgsm"
	row log/gpgsm-direct "$ours" "$(calc 'w * 2' "w=$WALL")" ms "git log --format=%G?, a commit : gpgsm"
	for a in "$agent" "$ours"; do calc '1000 / a' "a=$a" | awk '{ printf "# %d a second\n", $1 }'; done
fi
if wanted hook; then
	echo "# the hook over new commits: $commits of P-256, fewer where signing is slow"
	policy 1
	policy 2
	judged p256 "$commits" ecdsap256
	judged ed25519 "$commits" ed25519
	judged p384 $((commits / 8)) ecdsap384
	judged rsa2048 $((commits / 4)) rsa2048
	judged rsa3072 $((commits / 4)) rsa3072
fi
if wanted refs; then
	echo "# a repository of many refs"
	many 10000
fi
if wanted push; then
	echo "# git push of ${BENCH_PUSH:-100000} commits into an empty repository"
	cold "${BENCH_PUSH:-100000}"
fi
