#!/bin/sh
# Attacks on commits and tags: bytes that no signature covers, or that read in two ways.
#
# shellcheck disable=SC2154,SC2034 # $zero, $one, $two come from lib.sh
. "${GH_SRC:-tests}/attack/lib.sh"

hk_rules_usual=$(hk_rules)
hk_rules() {
	printf '%s\n' "$hk_rules_usual"
	cat <<-EOF2
		[rule "own"]
			ref = refs/heads/own
			signer = alice
			author = match
		[rule "known"]
			ref = refs/heads/known
			signer = alice
			author = known
		[rule "bobtags"]
			ref = refs/tags/bobs/*
			tag = signed
			target = any
			signer = bob
		[rule "marks"]
			ref = refs/tags/marks/*
			tag = signed
			accepts = main
			signer = alice
	EOF2
}
attack_world

# bent PERL...: a good commit on $two, then one of each expression applied to its bytes
# behind the signature: what must not be let in.
bent() {
	draft "$two" | signed alice >../good
	for e; do
		perl -0777 -pe "$e" <../good >../bent
		cmp -s ../good ../bent && diag "nothing was bent by $e"
		attack raw_to_main "$(store commit <../bent)"
	done
}
# odd PERL...: signed with the change in it.
odd() {
	for e; do
		draft "$two" | perl -0777 -pe "$e" | signed alice >../bent
		attack raw_to_main "$(store commit <../bent)"
	done
}
good_twin() {
	twin raw_to_main "$(draft "$two" | signed alice | store commit)"
}
even() { # like odd, let in
	twin raw_to_main "$(draft "$two" | perl -0777 -pe "$1" | signed alice | store commit)"
}

case_26a() {
	bent 's/gpgsig .*?(?=\n\n)/gpgsig JUNK/s' 's/gpgsig .*?(?=\n\n)/gpgsig a\n b/s'
	good_twin
}
case_26b() {
	bent 's/SIGNED MESSAGE/PKCS7/g' 's/SIGNED MESSAGE/CMS/g' 's/SIGNED MESSAGE/signed message/g' \
		's/SIGNED MESSAGE/PGP PUBLIC KEY BLOCK/g'
	good_twin
}
second='s/(gpgsig .*?\n)(?! )'
case_46a() {
	draft "$two" | armor bob >../bobs
	draft "$two" | signed alice >../good
	perl -e 'undef $/; $_ = <STDIN>; open F, "../bobs"; $b = <F>; $b =~ s{\n\z}{}; $b =~ s/\n/\n /g;
		s/\n\n/\ngpgsig $b\n\n/; print' <../good >../bent
	attack raw_to_main "$(store commit <../bent)"
	good_twin
}
case_47a() {
	bent "$second/\$1\$1/s"
	good_twin
}
case_48a() {
	bent "$second/gpgsig -----BEGIN SIGNED MESSAGE-----\n MAA=\n -----END SIGNED MESSAGE-----\n\$1/s"
	good_twin
}
case_49a() {
	bent 's/^gpgsig /gpgsig-sha256 /m' "$second/my \$a = \$1; (my \$b = \$a) =~ s{gpgsig}{gpgsig-sha256}; \"\$a\$b\"/se"
	good_twin
}
case_50a() {
	bent 's/^(?=gpgsig )/gpgsig-foo x\n y\n/m' 's/^(?=gpgsig )/gpgsigEVIL x\n/m' \
		's/\n\n/\ngpgsig-sha512 x\n y\n\n/' 's/\n\n/\ngpgsig\n\n/'
	good_twin
}
case_51a() {
	bent 's/(-----END SIGNED MESSAGE-----)/$1\n evil/' 's/(-----END SIGNED MESSAGE-----)/$1\n /'
	good_twin
}
case_51b() {
	bent 's/(BEGIN SIGNED MESSAGE-----\n)/$1 #\n/' 's/(\n -----END)/\n a b$1/'
	good_twin
}
case_52a() {
	bent 's/(BEGIN SIGNED MESSAGE-----\n)/$1 Comment: x\n \n/' \
		's/(BEGIN SIGNED MESSAGE-----\n)/$1 Version: 1\n/'
	good_twin
}
case_53a() {
	bent 's/(?<=MESSAGE-----)\n/\r\n/g' 's/^( \S+)\n/$1\r\n/mg'
	good_twin
}
case_54a() {
	bent 's/^( \S{10})(\S+)\n/$1\n $2\n/m' 's/^( \S{64})$/$1=/m' 's/^( \S{64})$/$1 /m' \
		's/^( \S{64})\n (\S{64})\n/$1$2\n/m' 's/(\S)(\n -----END)/$1A$2/'
	good_twin
}
case_55a() {
	bent 's/gpgsig -/gpgsig junk\n -/' 's/gpgsig -/gpgsig  -/' 's/gpgsig .*?(?=\n\n)/gpgsig /s' \
		's/gpgsig -/gpgsig \n -/'
	good_twin
}
case_56a() {
	draft "$two" >../bent
	armor alice <../bent >>../bent.sig
	cat ../bent.sig >>../bent
	rm ../bent.sig
	attack to_main "$(store commit <../bent)"
	good_twin
}
case_57a() {
	bent 's/^(.*?)(gpgsig .*?\n)(?! )/$2$1/s' \
		's/^(.*?)(parent .*?)(gpgsig .*?\n)(?! )/$1$3$2/s' \
		's/^(.*?)(author .*?)(gpgsig .*?\n)(?! )/$1$3$2/s' \
		's/^(.*?)(committer .*?)(gpgsig .*?\n)(?! )/$1$3$2/s'
	good_twin
}
case_58a() {
	other=$(git rev-parse "$one^{tree}")
	odd "s/\nparent/\ntree $other\nparent/" "s/\nauthor/\ntree $other\nauthor/" "s/\n\n/\ntree $other\n\n/"
	good_twin
}
case_58b() {
	other=$(git rev-parse "$one^{tree}")
	bent "s/^tree .*/tree $other/" 's/\n\ndraft/\n\nDraft/' 's/1700000000 \+0000\ncommitter/1700000001 +0000\ncommitter/'
	good_twin
}
case_59a() {
	odd 's/^(author .*\n)/$1$1/m' 's/^(author .*\n)/$1author bob <bob\@example.com> 1700000000 +0000\n/m'
	good_twin
}
case_60a() {
	odd 's/^(committer .*\n)/$1committer bob <bob\@example.com> 1700000000 +0000\n/m' \
		's/^(committer .*\n)/$1author bob <bob\@example.com> 1700000000 +0000\n/m'
	good_twin
}
case_61a() {
	odd "s/\n\n/\nparent $one\n\n/" "s/\ncommitter/\nparent $one\ncommitter/" 's/^(tree.*\n)(parent.*\n)/$2$1/'
	good_twin
}
case_61b() {
	tag=$(draft_tag v1 "$two" | signed_tag alice | store tag)
	tree=$(git rev-parse 'HEAD^{tree}')
	for parent in "$tag" "$tree"; do
		id=$(draft "$two" "$parent" | signed alice | store commit)
		RAW_IDS="$id $parent $tree" attack raw "$two $id refs/heads/main"
	done
	good_twin
}
case_62a() {
	odd 's/^(parent .*\n)/$1$1/m'
	even "s/^(parent .*\n)/\$1parent $one\n/m"
}
case_63a() {
	odd 's/draft/draft\0evil/' 's/draft\n/draft\n\0/'
	good_twin
}
case_63b() {
	odd 's/alice </ali\0ce </' 's/\n\n/\nencoding UTF-8\0\n\n/'
	good_twin
}
case_64a() {
	odd 's/author alice/author ali\rce/' 's/author alice/author \033[31malice/' \
		's/committer alice/committer ali\tce/'
	even 's/author alice/author Al Ice, Jr. (\303\241)/'
}
case_65a() {
	odd 's/author alice <alice\@example.com>/author alice <alice\@example.com> <bob\@example.com>/' \
		's/author alice <alice\@example.com>/author alice/' 's/author alice </author al<ice </' \
		's/author alice <alice\@example.com>/author alice <alice\@example.com/' \
		's/author alice </author alice</' \
		's/author alice <alice\@example.com>/author alice >alice\@example.com</' 's/committer alice <alice\@/committer alice <<alice\@/'
	even 's/author alice <alice\@example.com>/author  <>/'
}
case_65b() {
	odd 's/1700000000 \+0000\n\n/-1 +0000\n\n/' 's/1700000000 \+0000\n\n/99999999999999999999 +0000\n\n/' \
		's/1700000000 \+0000\n\n/17e8 +0000\n\n/' 's/1700000000 \+0000\n\n/1700000000 0000\n\n/' \
		's/1700000000 \+0000\n\n/1700000000 +00\n\n/' 's/1700000000 \+0000\n\n/1700000000\n\n/' \
		's/1700000000 \+0000\n\n/ 1700000000 +0000\n\n/' 's/1700000000 \+0000\n\n/01700000000 +0000\n\n/' \
		's/1700000000 \+0000\n\n/253402300800 +0000\n\n/'
	even 's/1700000000 \+0000\n\n/1800000000 -0330\n\n/'
}
case_67a() {
	odd 's/\n\n/\nencoding UTF-7\n\n/' 's/\n\n/\nencoding ISO-8859-1\n\n/' 's/\n\n/\nencoding UTF-16\n\n/' \
		's/\n\n/\nencoding \n\n/'
	even 's/\n\n/\nencoding UTF-8\n\n/'
}
case_68a() {
	draft_message=$(perl -e 'print "line\n" x 420000') # 2.1 MB
	attack raw_to_main "$(commit_by alice)"
	draft_message=draft
	odd 's/author alice/"author " . "a" x 1100000/e'
	draft_message=$(perl -e 'print "line\n" x 100000')
	twin raw_to_main "$(commit_by alice)"
}
case_68b() {
	{
		draft "$two"
		perl -e 'print "\n" x 1048576 for 1 .. 64'
	} >../big
	attack raw_to_main "$(store commit <../big)"
	draft_message=$(perl -e 'print "line\n" x 100000')
	twin raw_to_main "$(commit_by alice)"
}
case_70a() {
	odd 's/\n\n/\nHG:extra x\n\n/' 's/\n\n/\n continued\n\n/' 's/\n\n/\nx\n\n/' 's/\n\n/\nsignature x\n\n/'
	good_twin
}
with_mergetag() { # TAG-FILE <DRAFT
	with_header "$1" mergetag
}
case_71a() {
	draft_tag v9 "$two" | signed_tag alice >../tag
	echo garbage >../none
	for f in ../none /dev/null; do
		attack raw_to_main "$(draft "$two" | with_mergetag "$f" | signed alice | store commit)"
	done
	twin raw_to_main "$(draft "$two" | with_mergetag ../tag | signed alice | store commit)"
}
case_72a() {
	draft_tag v9 "$one" | signed_tag alice >../tag
	attack raw_to_main "$(draft "$two" | with_mergetag ../tag | signed alice | store commit)"
	draft_tag v9 "$two" blob | signed_tag alice >../tag
	attack raw_to_main "$(draft "$two" | with_mergetag ../tag | signed alice | store commit)"
	draft_tag v9 "$two" | signed_tag alice >../tag
	twin raw_to_main "$(draft "$two" | with_mergetag ../tag | signed alice | store commit)"
}
case_78a() {
	bent 's/(-----END SIGNED MESSAGE-----)\n\n.*/$1/s' 's/(-----END SIGNED MESSAGE-----)\n\n/$1\n/' \
		's/^( \S{64}\n)/$1 \n/m' 's/^( \S{64}\n)/$1\n/m'
	good_twin
}

# --- tags ---------------------------------------------------------------------------
tag_to() { # REF ID
	RAW_IDS="$2 ${3-}" raw "$zero $2 refs/tags/$1"
}
bent_tag() {
	draft_tag v1 "$two" | signed_tag alice >../good
	for e; do
		perl -0777 -pe "$e" <../good >../bent
		cmp -s ../good ../bent && diag "nothing was bent by $e"
		attack tag_to v1 "$(store tag <../bent)"
	done
}
odd_tag() {
	for e; do
		draft_tag v1 "$two" | perl -0777 -pe "$e" | signed_tag alice >../bent
		attack tag_to v1 "$(store tag <../bent)"
	done
}
good_tag() {
	twin tag_to v1 "$(draft_tag v1 "$two" | signed_tag alice | store tag)"
}
case_82a() {
	attack tag_to v1 "$(draft_tag v1 "$two" | store tag)"
	good_tag
}
case_73a() {
	bent_tag 's/\z/download from evil.example.com\n/' 's/\z/\n/'
	good_tag
}
case_74a() {
	bent_tag 's/\z/\0evil\n/'
	good_tag
}
case_76a() {
	draft_tag v1 "$two" >../plain
	for pair in 'alice bob' 'bob alice' 'alice alice'; do
		# shellcheck disable=SC2086 # two names
		set -- $pair
		signed_tag "$1" <../plain >../once
		signed_tag "$2" <../once >../twice
		attack tag_to v1 "$(store tag <../twice)"
	done
	good_tag
}
case_77a() {
	attack tag_to v1 "$(draft_tag v1 "$two" | signed alice | store tag)"
	bent_tag 's/\n\n/\ngpgsig x\n y\n\n/' 's/\n\n/\ngpgsig-sha256 x\n\n/'
	good_tag
}
case_78b() {
	bent_tag 's/\n-----BEGIN/\n -----BEGIN/' 's/\n$//' 's/-----END.*//s' 's/\n-----BEGIN/-----BEGIN/'
	good_tag
}
case_79a() {
	attack tag_to v9 "$(draft_tag v1 "$two" | signed_tag alice | store tag)"
	attack tag_to v1/x "$(draft_tag x "$two" | signed_tag alice | store tag)"
	attack tag_to x "$(draft_tag v1/x "$two" | signed_tag alice | store tag)"
	attack tag_to V1 "$(draft_tag v1 "$two" | signed_tag alice | store tag)"
	twin tag_to v1/x "$(draft_tag v1/x "$two" | signed_tag alice | store tag)"
}
case_79b() {
	for name in ../../heads/main refs/../x 'v1 x' '' 'v1~' v1.lock; do
		attack tag_to v1 "$(draft_tag "$name" "$two" | signed_tag alice | store tag)"
	done
	good_tag
}
case_80a() {
	elsewhere=$(commit_by alice)
	attack tag_to marks/v1 "$(draft_tag marks/v1 "$elsewhere" | signed_tag alice | store tag)" \
		"$elsewhere $(git rev-parse 'HEAD^{tree}')"
	twin tag_to marks/v1 "$(draft_tag marks/v1 "$two" | signed_tag alice | store tag)"
}
case_80b() {
	hk_as bob
	draft_by='bob <bob@example.com>'
	attack tag_to v1 "$(draft_tag v1 "$two" | signed_tag bob | store tag)"
	twin tag_to bobs/v1 "$(draft_tag bobs/v1 "$two" | signed_tag bob | store tag)"
}
case_81a() {
	inner=$(draft_tag inner "$two" | store tag)
	attack tag_to v1 "$(draft_tag v1 "$inner" tag | signed_tag alice | store tag)" "$inner"
	inner=$(draft_tag inner "$two" | signed_tag alice | store tag)
	twin tag_to v1 "$(draft_tag v1 "$inner" tag | signed_tag alice | store tag)" "$inner"
}
case_81b() {
	tree=$(git rev-parse "$two^{tree}")
	for what in "$two tree" "$two blob" "$tree commit"; do
		# shellcheck disable=SC2086 # two words
		set -- $what
		attack tag_to v1 "$(draft_tag v1 "$1" "$2" | signed_tag alice | store tag)"
	done
	good_tag
}
nested() { # COUNT: the id of so many tags in a row; all of them in $ids
	local i target type
	target=$two
	type=commit
	ids=
	i=$1
	while [ "$i" -gt 0 ]; do
		target=$(draft_tag v1 "$target" "$type" | signed_tag alice | store tag)
		type=tag
		ids="$ids $target"
		i=$((i - 1))
	done
	id=$target
}
case_81c() {
	nested 9
	attack tag_to v1 "$id" "$ids"
	nested 8
	twin tag_to v1 "$id" "$ids"
}
case_81d() {
	odd_tag 's/tagger .*\n//'
	good_tag
}
case_81e() {
	odd_tag 's/\n\n/\nencoding UTF-8\n\n/' 's/\n\n/\ntagger bob <bob\@example.com> 1 +0000\n\n/' \
		's/^(tag v1\n)/$1tag v1\n/m' 's/^(object .*\n)/$1$1/' 's/^type commit\n//m'
	good_tag
}
case_81f() {
	tree=$(git rev-parse "$two^{tree}")
	blob=$(echo blob | git hash-object -w --stdin)
	attack tag_to marks/x "$(draft_tag marks/x "$tree" tree | signed_tag alice | store tag)"
	attack tag_to marks/x "$(draft_tag marks/x "$blob" blob | signed_tag alice | store tag)" "$blob"
	inner=$(draft_tag marks/x "$tree" tree | signed_tag alice | store tag)
	attack tag_to marks/x "$(draft_tag marks/x "$inner" tag | signed_tag alice | store tag)" "$inner"
	twin tag_to marks/x "$(draft_tag marks/x "$two" | signed_tag alice | store tag)"
}
case_68c() {
	draft_message=$(perl -e 'print "line\n" x 420000') # 2.1 MB
	attack tag_to v1 "$(draft_tag v1 "$two" | signed_tag alice | store tag)"
	draft_message=$(perl -e 'print "line\n" x 100000')
	good_tag
}
case_83a() {
	gh_setup tag_to v1 "$(draft_tag v1 "$two" | signed_tag alice | store tag)"
	was=$(git -C ../server rev-parse refs/tags/v1)
	other=$(draft_tag v1 "$one" | signed_tag alice | store tag)
	RAW_IDS=$other attack raw "$was $other refs/tags/v1"
	RAW_IDS=$(draft_tag v2 "$one" | signed_tag alice | store tag)
	export RAW_IDS
	twin raw "$zero $RAW_IDS refs/tags/v2"
	unset RAW_IDS
}

# --- people ---------------------------------------------------------------------------
case_85a() {
	for a in Alice@example.com alice+x@example.com "$(printf '\320\260lice@example.com')" alice@example.com. \
		' alice@example.com' alice@example.com.evil.org alice bob@example.com ''; do
		draft_by="alice <$a>"
		attack raw_to_main "$(commit_by alice)"
	done
	draft_by='alice <alice@EXAMPLE.com>'
	twin raw_to_main "$(commit_by alice)"
}
case_85b() {
	printf 'bob <bob@example.com> alice <alice@example.com>\nalice <alice@example.com> <bob@example.com>\n' >.mailmap
	gh_setup git add .mailmap
	git -C ../server config mailmap.blob HEAD:.mailmap
	git -C ../server config log.mailmap true
	draft_by='bob <bob@example.com>'
	gh_setup git commit -q -S -m 'the mailmap'
	gh_setup git push -q origin HEAD:main
	two=$(git rev-parse HEAD)
	attack raw_to_main "$(commit_by alice)"
	draft_by='alice <alice@example.com>'
	twin raw_to_main "$(commit_by alice)"
	two=$(git rev-parse HEAD~1)
}
case_86a() {
	id=$(draft "$two" | sed 's/^author .*>/author bob <bob@example.com>/' | signed alice | store commit)
	tree=$(git rev-parse 'HEAD^{tree}')
	RAW_IDS="$id $tree" attack raw "$zero $id refs/heads/own"
	id=$(commit_by alice)
	RAW_IDS="$id $tree" twin raw "$zero $id refs/heads/own"
}
case_86b() {
	tree=$(git rev-parse 'HEAD^{tree}')
	for a in eve@example.org bob@example.com; do
		id=$(draft "$two" | sed "s/^author .*>/author x <$a>/" | signed alice | store commit)
		if [ $a = bob@example.com ]; then
			RAW_IDS="$id $tree" twin raw "$zero $id refs/heads/known"
		else
			RAW_IDS="$id $tree" attack raw "$zero $id refs/heads/known"
		fi
	done
}
case_123a() {
	ssh-keygen -q -t ed25519 -N '' -f ../ssh
	draft "$two" >../plain
	ssh-keygen -q -Y sign -n git -f ../ssh ../plain
	attack raw_to_main "$(with_header ../plain.sig <../plain | store commit)"
	printf -- '-----BEGIN PGP SIGNATURE-----\n\niQEzBAAB\n-----END PGP SIGNATURE-----\n' >../plain.sig
	attack raw_to_main "$(with_header ../plain.sig <../plain | store commit)"
	printf -- '-----BEGIN PGP MESSAGE-----\n\niQEzBAAB\n-----END PGP MESSAGE-----\n' >../plain.sig
	attack raw_to_main "$(with_header ../plain.sig <../plain | store commit)"
	good_twin
}
case_137a() {
	tree=$(git rev-parse 'HEAD^{tree}')
	perl -e 'my ($tree, $two, $n) = @ARGV; for my $i (1 .. $n) {
		print "commit refs/heads/p$i\nauthor a <a\@example.com> 1700000000 +0000\n",
		"committer alice <alice\@example.com> 1700000000 +0000\ndata ", length $i, "\n$i\nfrom $two\n\n" }' \
		"$tree" "$two" 1100 | gh_setup git fast-import --quiet
	heads=$(git for-each-ref --format='%(objectname)' 'refs/heads/p*' | sort -u)
	# shellcheck disable=SC2086 # a list of ids
	id=$(draft "$two" $heads | signed alice | store commit)
	RAW_IDS="$id $tree $heads" attack raw "$two $id refs/heads/main"
	git -C ../server config hsm.introduction "$(echo "$heads" | head -n 1)"
	echo "$heads" | sed -n 2,30p | while read -r h; do
		git -C ../server config --add hsm.introduction "$h"
	done
	# shellcheck disable=SC2046 # a list of ids
	id=$(draft "$two" $(echo "$heads" | head -n 29) | signed alice | store commit)
	RAW_IDS="$id $tree $heads" twin raw "$two $id refs/heads/main"
}
case_137b() {
	perl -e 'my ($two, $n) = @ARGV; print "reset refs/heads/long\nfrom $two\n\n"; for my $i (1 .. $n) {
		print "commit refs/heads/long\nauthor a <a\@example.com> 1700000000 +0000\n",
		"committer alice <alice\@example.com> 1700000000 +0000\ndata 1\nx\n\n" }' "$two" 10000 |
		gh_setup git fast-import --quiet
	attack push long:refs/heads/main
	hk_commit 'three'
	hk_commit 'four'
	twin push main
}

attack_run
