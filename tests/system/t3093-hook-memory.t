#!/bin/sh
# The hook's anonymous memory is bounded for a push that is made to take much of it.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
zero=0000000000000000000000000000000000000000
# policy THREADS
policy() {
	{
		hk_head
		cat <<-EOF2
			[limits]
				threads = $1
			[rule "main"]
				ref = refs/heads/**
				signer = role:maintainers
		EOF2
	} >"$GH_WORLD/policy"
	chmod 644 "$GH_WORLD/policy"
}
# hook ID: the hook over what stands in the server's objects, and no record; what anonymous memory
# it has had at most, in kilobytes, peak() tells. What is mapped of packs is the system's.
hook() {
	rm -rf ../server/gitsign-hsm
	(
		cd ../server || exit 99
		GIT_DIR=.
		export GIT_DIR
		echo "$zero $1 refs/heads/main" >../line
		"$GH_TOOLS/measure" ../took "$GH_HOOKS/pre-receive" <../line
	)
}
peak() { cut -d' ' -f3 ../took; }
# Sanitizers keep what is freed, and more.
sanitized=
! grep -q '__[at]san_init' "$GH_HOOKS/pre-receive" || sanitized=y
# bounded DESC: no more than 64 MiB above what the hook takes for one commit.
bounded() {
	diag "$1: $(peak) kB, one commit: $start kB"
	[ -z "$sanitized" ] || return 0
	ok "$1" test "$(($(peak) - start))" -le 65536
}

# An RSA key whose exponents are changed about: a check with it takes as long as a signature, as
# OpenSSL takes exponents of any length up to 3072 bits.
slow_key() {
	gh_setup openssl genrsa -traditional -out ../ordinary.key 3072
	openssl asn1parse -in ../ordinary.key | perl -e '
		my @i = map { /INTEGER\s+:(\S+)/ ? $1 : () } <>;
		@i[2, 3, 6, 7] = @i[3, 2, 2, 2];
		print "asn1=SEQUENCE:key\n[key]\n";
		print "i$_=INTEGER:0x$i[$_]\n" for 0 .. $#i;' >../key.conf
	gh_setup openssl asn1parse -noout -genconf ../key.conf -out ../key.der
	gh_setup openssl rsa -inform DER -in ../key.der -out "$GH_WORLD/keys/slow.key"
	gh_setup openssl rsa -in "$GH_WORLD/keys/slow.key" -pubout -out "$GH_WORLD/keys/slow.pub"
	gh_certificate slow alice@example.com
}
slow_key

hk_commit one
gh_setup git push -q ../server main:refs/heads/one
policy 2
exits 0 'one commit' hook "$(git rev-parse main)"
start=$(peak)

# --- a slow batch before many that are not ----------------------------------------------
# What is judged out of turn waits for what was read first: the youngest.
echo "$GH_WORLD/server/objects" >.git/objects/info/alternates
# slow_before N SUBJECT BODY: 64 slow commits on top of N unsigned ones, whose messages are so long;
# their id is in $tip.
slow_before() {
	perl -e '($n, $subject, $body) = @ARGV;
		$text = "x" x $subject . "\n\n" . "y" x $body . "\n";
		for $i (1 .. $n) {
			printf "commit refs/heads/bulk\ncommitter a <a\@example.com> %d +0000\n", 1600000000 + $i;
			printf "data %d\n%s\n", length $text, $text;
			print "from refs/heads/one\n" if $i == 1;
		}' "$@" | gh_setup git -C ../server fast-import --quiet --force
	gh_setup git reset -q --hard "$(git -C ../server rev-parse bulk)"
	i=0
	while [ "$i" -lt 64 ]; do
		i=$((i + 1))
		hk_commit "slow $i"
	done
	gh_setup git push -q -f ../server main:refs/other/main
	tip=$(git rev-parse main)
}
# judged N DESC THREADS: all of them, by so many threads each
judged() {
	local n
	for n in $3; do
		policy "$n"
		exits 1 "$2, with $n threads" hook "$tip"
		like 'all are judged' "$(tr -s '\r\n ' '   ' <"$GH_ERR")" \
			"refused: $(($1 + 64)) of $(($1 + 65)) commits"
		bounded "memory is bounded, with $n threads"
	done
}
rm ../server/hooks/pre-receive
hk_as slow
slow_before 60000 10 2000
judged 60000 'slow ones before many' '1 2 4'
slow_before 150 10 1000000
judged 150 'before large ones' '1 4'
slow_before 60000 200 0
judged 60000 'before many of which there is much to say' '1 4'
done_testing
