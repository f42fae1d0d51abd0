#!/bin/sh
# Attacks on refs and on the protocol: what a client sends that git never would.
#
# shellcheck disable=SC2154,SC2034 # $zero, $one, $two come from lib.sh
. "${GH_SRC:-tests}/attack/lib.sh"

# Rules of these cases beside the usual ones.
hk_rules_usual=$(hk_rules)
hk_rules() {
	printf '%s\n' "$hk_rules_usual"
	cat <<-EOF2
		[rule "kept"]
			ref = refs/heads/kept/*
			signer = role:maintainers
			delete = allow
			keylessUpdate = allow
		[rule "gone-tags"]
			ref = refs/tags/gone/*
			tag = signed
			target = any
			signer = alice
			delete = allow
			keylessUpdate = allow
		[rule "any-tags"]
			ref = refs/tags/build/*
			tag = any
			target = any
			signer = anyone
			keylessUpdate = allow
		[rule "any-refs"]
			ref = refs/notes/*
			ref = refs/changes/**
			ref = refs/pull/**
			ref = refs/keep-around/*
			commits = any
			signer = anyone
			keylessUpdate = allow
		[rule "watched"]
			ref = refs/watched/*
			signer = alice
			mode = report
		[rule "level"]
			ref = refs/level/*
			signer = alice
		[rule "roots"]
			ref = refs/heads/roots/*
			signer = alice
			roots = any
		[rule "bobs"]
			ref = refs/heads/bobs
			signer = bob
		[rule "asked"]
			ref = refs/heads/asked/*
			commits = any
			signer = alice
		[rule "tips"]
			ref = refs/heads/tips/*
			commits = tip
			signer = alice
			keylessUpdate = allow
	EOF2
}
attack_world

case_1a() {
	git -C ../server config receive.denyDeletes true
	gh_setup git push -q origin HEAD:refs/heads/topic
	attack raw "$zero $zero refs/heads/main"
	git -C ../server config receive.denyDeletes false
	twin raw "$two $zero refs/heads/topic"
}
case_1b() {
	gh_setup git push -q origin HEAD:refs/heads/topic
	attack raw "$zero $zero refs/heads/topic"
	twin raw "$two $zero refs/heads/topic"
}
case_2a() {
	gh_setup git push -q origin HEAD:refs/heads/topic
	attack raw "1234567890123456789012345678901234567890 $zero refs/heads/topic"
	twin raw "$two $zero refs/heads/topic"
}
case_3a() {
	hk_unsigned 'bad'
	bad=$(git rev-parse HEAD)
	hk_commit 'good'
	attack raw "$bad $(git rev-parse HEAD) refs/heads/main"
	gh_setup git reset -q --hard "$two"
	hk_commit 'good'
	twin raw "$two $(git rev-parse HEAD) refs/heads/main"
}
case_3b() {
	hk_commit 'three'
	attack raw "$zero $(git rev-parse HEAD) refs/heads/main"
	twin raw "$zero $(git rev-parse HEAD) refs/heads/new"
}
case_4a() {
	attack raw "$zero $one refs/heads/ok
$two $zero refs/heads/main"
	gh_setup git push -q origin HEAD:refs/heads/topic
	twin raw "$zero $one refs/heads/ok" "$two $zero refs/heads/topic"
}
case_4b() {
	attack raw "$zero $one refs/heads/ok
nonsense"
	twin raw "$zero $one refs/heads/ok"
}
case_4c() {
	for name in refs/heads/a..b 'refs/heads/a b' refs/heads/x.lock refs/heads/.x \
		'refs/heads/a@{1}' 'refs/heads/a~1' 'refs/heads/a^' 'refs/heads/a:b' 'refs/heads/a?' \
		'refs/heads/a*' 'refs/heads/a[' 'refs/heads/a\b' refs/heads/a. refs/heads/ \
		HEAD foo heads/main ../../config "$(printf 'refs/heads/e\033[2J')" \
		"$(printf 'refs/heads/\302\233x')" "$(printf 'refs/heads/\177')" \
		"$(printf 'refs/heads/tab\tx')" "$(printf 'refs/heads/\300\257')"; do
		attack raw "$zero $one $name"
	done
	for name in refs/heads/a.b refs/heads/x.locks refs/heads/@a 'refs/heads/{1}' refs/heads/-x \
		refs/heads/tip/main; do
		hk_commit 'more'
		twin raw "$zero $(git rev-parse HEAD) $name"
	done
}
case_4d() {
	long=$(printf '%0200d/' 0 0 0 0)
	attack raw "$zero $one refs/heads/$(printf %060000d 0)"
	attack raw "$zero $one refs/heads/$long$(printf %0186d 0)"
	twin raw "$zero $one refs/heads/$long$(printf %0185d 0)"
}
case_5a() {
	bad_and_good
	gh_setup git tag bad "$bad"
	attack raw "$two $good refs/heads/main" "$two $bad refs/heads/main"
	attack raw "$two $bad refs/heads/main" "$two $good refs/heads/main"
	attack raw "$two $good refs/heads/main" "$zero $good refs/heads/x" "$two $good refs/heads/main"
	twin raw "$two $good refs/heads/main" "$zero $good refs/heads/topic"
}
case_6a() {
	bad_and_good
	attack push "$good:refs/replace/$bad"
	attack push "$good:refs/heads/x" "$good:refs/replace/$bad"
	attack push "$good:refs/replace/x/y"
	twin push "$good:refs/heads/replace/x"
}
case_6b() {
	attack push "$two:refs/replace/$two"
	attack raw "$zero $zero refs/replace/$two"
	twin push "$two:refs/heads/replace/self"
}
case_6c() {
	bad_and_good
	gh_setup git -C ../server fetch -q ../work "$good" "$bad"
	gh_setup git -C ../server update-ref "refs/replace/$bad" "$good"
	attack to_main "$bad"
	twin to_main "$good"
}
# The same where libgit2 does not open the repository, and git itself reads it.
case_6d() {
	bad_and_good
	gh_setup git checkout -q -B over "$bad"
	hk_commit 'over it'
	gh_setup git -C ../server fetch -q ../work "$good" "$bad" over
	git -C ../server config core.repositoryFormatVersion 1
	git -C ../server config extensions.preciousObjects true
	gh_setup git -C ../server update-ref "refs/replace/$bad" "$good"
	attack to_main "$bad"
	attack to_main over
	gh_setup git -C ../server update-ref -d "refs/replace/$bad"
	echo "$(git rev-parse over) $two" >../server/info/grafts
	attack to_main over
	twin to_main "$good"
}
case_7a() {
	git -C ../server config receive.hideRefs refs/hidden
	attack raw "$zero $one refs/hidden/x"
	twin raw "$zero $one refs/heads/hidden"
}
case_8a() {
	blob=$(echo blob | git hash-object -w --stdin)
	attack push "HEAD^{tree}:refs/tags/x"
	attack push "$blob:refs/tags/x"
	attack push "HEAD:refs/tags/x"
	gh_setup git tag -s -m x x
	twin push x
}
case_8b() {
	tree=$(git rev-parse 'HEAD^{tree}')
	attack raw "$zero $tree refs/heads/tree"
	attack raw "$two $tree refs/heads/main"
	twin raw "$zero $two refs/heads/tree"
}
case_8c() {
	gh_setup git tag -s -m x x
	attack raw "$zero $(git rev-parse x) refs/heads/x/y"
	twin raw "$zero $two refs/heads/x/y"
}
case_8d() {
	blob=$(echo blob | git hash-object -w --stdin)
	attack push "$blob:refs/other/x"
	attack push "$two:refs/other/x"
	twin push "$two:refs/notes/x"
}
case_9a() {
	git -C ../server config receive.shallowUpdate true
	hk_unsigned 'bad'
	hk_commit 'good'
	RAW_SHALLOW=$(git rev-parse HEAD) RAW_OBJECTS="--max-count=1 HEAD" \
		attack raw "$zero $(git rev-parse HEAD) refs/heads/tip/x"
	gh_setup git reset -q --hard "$two"
	hk_commit 'good'
	twin raw "$two $(git rev-parse HEAD) refs/heads/main"
}
case_9b() {
	hk_commit 'three'
	echo "$one" >../server/shallow
	attack to_main HEAD
	rm ../server/shallow
	twin to_main HEAD
}
case_10a() {
	bad_and_good
	attack push "$bad:refs/heads/main" "$good:refs/heads/tip/a" "$good:refs/heads/tip/b"
	attack push "$good:refs/heads/tip/a" "$bad:refs/heads/tip/m" "$good:refs/heads/tip/z"
	attack push "$good:refs/heads/tip/a" "$good:refs/heads/tip/b" "$bad:refs/heads/tip/z"
	twin push "$good:refs/heads/main" "$good:refs/heads/tip/a" "$good:refs/heads/tip/z"
}
case_11a() {
	bad_and_good
	gh_setup git push -q origin "$bad:refs/heads/wash" "$good:refs/heads/iron"
	attack raw "$two $bad refs/heads/main"
	twin raw "$two $good refs/heads/main"
}
case_11b() {
	bad_and_good
	gh_setup git push -q origin "$bad:refs/heads/wash" "$good:refs/heads/iron"
	hk_commit 'clean'
	clean=$(git rev-parse HEAD)
	gh_setup git reset -q --hard "$bad"
	hk_commit 'a clean shirt'
	attack to_main HEAD
	twin to_main "$clean"
}
case_11c() {
	bad_and_good
	gh_setup git push -q origin "$bad:refs/heads/wash"
	gh_setup git merge -q -S -m merge "$bad"
	attack to_main HEAD
	gh_setup git checkout -q -B other "$two"
	hk_commit 'other'
	gh_setup git merge -q -S -m merge "$good"
	twin to_main HEAD
}
case_11d() {
	bad_and_good
	gh_setup git checkout -q -B over "$bad"
	hk_commit 'over it'
	gh_setup git push -q origin over:refs/heads/tips/a
	attack push "$bad:refs/heads/tips/b"
	twin push over:refs/heads/tips/b
}
case_12a() {
	bad_and_good
	for ref in refs/notes/x refs/changes/01/1/1 refs/pull/1/head refs/keep-around/x refs/tags/build/1; do
		gh_setup git push -q origin "$bad:$ref"
		attack to_main "$bad"
		gh_setup git push -q -f origin "$good:$ref-good"
	done
	twin to_main "$good"
}
case_12b() {
	bad_and_good
	gh_setup git push -q origin "$bad:refs/watched/x" "$good:refs/watched/y"
	attack to_main "$bad"
	sed 's/^version = 1/&\n\tmode = report/' ../base/policy >../policy
	gh_setup git push -q origin "$bad:refs/level/x"
	cp ../base/policy ../policy
	gh_setup git checkout -q -B over "$bad"
	hk_commit 'over it'
	attack push over:refs/level/x
	attack push over:refs/level/y
	twin to_main "$good"
}
case_12c() {
	bad_and_good
	gh_setup git -C ../server fetch -q ../work "$bad:refs/heads/kept/x" "$good:refs/heads/kept/y"
	attack to_main "$bad"
	twin to_main "$good"
}
case_13a() {
	gh_setup git push -q origin HEAD:refs/heads/topic
	attack push -f "$one:refs/heads/main"
	twin push -f "$one:refs/heads/topic"
}
case_14a() {
	hk_commit 'three'
	gh_setup git push -q origin HEAD:refs/heads/tip/a "$two:refs/heads/tip/b"
	attack push HEAD:refs/heads/tip/b
	attack push HEAD:refs/heads/tip/c
	hk_commit 'four'
	twin push HEAD:refs/heads/tip/b
}
case_14b() {
	hk_as bob
	gh_setup git checkout -q --orphan bobs
	hk_commit 'by bob'
	gh_setup git push -q origin bobs
	gh_setup git checkout -q -B level "$two"
	hk_commit 'by bob too'
	attack push HEAD:refs/level/x
	hk_as alice
	gh_setup git commit -q --amend -S --reset-author --no-edit
	twin push HEAD:refs/level/x
}
case_14c() {
	bad_and_good
	attack push "$bad:refs/heads/asked/x"
	attack push "$bad:refs/heads/asked/x" "$bad:refs/heads/asked/y"
	hk_as bob
	gh_setup git commit -q --amend -S --reset-author --no-edit
	attack push HEAD:refs/heads/asked/x
	twin push "$good:refs/heads/asked/x"
}
case_15a() {
	hk_commit 'three'
	gh_setup git push -q origin HEAD:refs/heads/kept/x
	gh_setup git push -q origin :refs/heads/kept/x
	gh_setup git reset -q --hard "$one"
	hk_commit 'another way'
	attack push HEAD:refs/heads/kept/x
	attack push "$two:refs/heads/kept/x"
	gh_setup git reset -q --hard 'HEAD@{2}'
	hk_commit 'more'
	twin push HEAD:refs/heads/kept/x
}
case_15b() {
	gh_setup git tag -s -m x gone/x
	gh_setup git push -q origin gone/x
	gh_setup git push -q origin :refs/tags/gone/x
	was=$(git rev-parse gone/x)
	gh_setup git tag -s -f -m 'x again' gone/x "$one"
	attack push gone/x
	twin push "$was:refs/tags/gone/x"
}
case_15c() {
	hk_commit 'three'
	gh_setup git push -q origin "$two:refs/heads/kept/x"
	attack raw "$two $zero refs/heads/kept/x" "$zero $one refs/heads/kept/x"
	twin raw "$two $zero refs/heads/kept/x" "$zero $(git rev-parse HEAD) refs/heads/kept/y"
}
case_17a() {
	for name in refs//heads/main refs/heads//main refs/heads/tip//x /refs/heads/main; do
		attack raw "$zero $two $name"
	done
	twin raw "$zero $two refs/heads/tip/x"
}
case_17b() {
	attack push HEAD:refs/level/a/b
	attack push HEAD:refs/level
	twin push HEAD:refs/level/a
}
case_17c() {
	bad_and_good
	{
		hk_head
		hk_rules | sed -n '/^\[rule "work"\]/,/^\[rule "tip"\]/p' | sed '$d'
		hk_rules | sed '/^\[rule "work"\]/,/^\[rule "tip"\]/{/^\[rule "tip"\]/!d}'
	} >../policy
	attack to_main "$bad"
	twin to_main "$good"
}
case_17d() {
	sed -i 's|ref = refs/heads/\*\*|ref = refs/heads/[a-z]**|; s|\[a-z\]\*\*|team/**|' ../policy
	bad_and_good
	attack push "$bad:refs/heads/MAIN"
	attack push "$bad:refs/Heads/main"
	attack push "$bad:refs/heads/main2"
	twin push "$bad:refs/heads/team/MAIN"
}
case_18a() {
	hk_commit 'three'
	gh_setup git -C ../server symbolic-ref refs/heads/alias refs/heads/main
	attack push HEAD:refs/heads/alias
	attack raw "$two $zero refs/heads/alias"
	attack raw "$zero $zero refs/heads/alias"
	gh_setup git -C ../server symbolic-ref refs/heads/alias refs/heads/bobs
	attack raw "$zero $(git rev-parse HEAD) refs/heads/alias"
	gh_setup git -C ../server symbolic-ref -d refs/heads/alias
	twin to_main HEAD
}
case_19b() {
	for name in refs/meta/config refs/gitsign-hsm/policy refs/keys/alice refs/hsm; do
		attack push "HEAD:$name"
		attack push HEAD:refs/heads/x "HEAD:$name"
	done
	twin push HEAD:refs/heads/meta/config
}
case_20a() {
	hk_as mallory
	mkdir .gitsign-hsm
	sed 's/\[signer "bob"\]/[signer "mallory"]\n\temail = mallory@example.com\n\ttrust = corp\n&/
		s/^\tsigner = .*/\tsigner = mallory/' ../policy >policy
	cp policy .gitsign-hsm/policy
	cp policy gitsign-hsm-policy
	git config -f .gitconfig hsm.policy "$PWD/policy"
	gh_setup git add -A
	gh_setup git commit -q -S -m 'a policy of my own'
	git -C ../server config receive.advertisePushOptions true
	attack push HEAD:main
	attack push HEAD:main HEAD:refs/notes/policy
	attack push -o "hsm.policy=$PWD/policy" HEAD:main
	hk_as alice
	gh_setup git commit -q --amend -S --reset-author --no-edit
	twin push HEAD:main
}
case_24a() {
	bad_and_good
	gh_setup git clone -q --bare ../work ../fork
	gh_setup git -C ../fork fetch -q ../work "$bad:refs/heads/bad" "$good:refs/heads/good"
	echo "$GH_WORLD/fork/objects" >../server/objects/info/alternates
	RAW_OBJECTS="--max-count=0 HEAD" attack raw "$two $bad refs/heads/main"
	RAW_OBJECTS="--max-count=0 HEAD" twin raw "$two $good refs/heads/main"
}
case_24b() {
	bad_and_good
	gh_setup git -C ../server fetch -q ../work "$bad" "$good"
	RAW_OBJECTS="--max-count=0 HEAD" attack raw "$two $bad refs/heads/main"
	RAW_OBJECTS="--max-count=0 HEAD" twin raw "$two $good refs/heads/main"
}
case_24c() {
	bad_below
	attack_want='the object was not sent'
	RAW_OBJECTS="--max-count=0 HEAD" attack raw "$two $bad refs/heads/main"
	RAW_IDS=$top attack raw "$two $top refs/heads/main"
	RAW_IDS="$top $(git rev-parse "$top^{tree}")" attack raw "$two $top refs/heads/main"
	RAW_OBJECTS=$good twin raw "$two $good refs/heads/main"
}
bad_below() { # sets $top, signed on an unsigned commit, and $good
	bad_and_good
	gh_setup git reset -q --hard "$bad"
	hk_commit 'top'
	top=$(git rev-parse HEAD)
}
case_25a() {
	bad_below
	echo "$top $two" >../server/info/grafts
	attack to_main "$top"
	twin to_main "$good"
}
# graph_without_parent FILE: in a commit-graph, every commit of the last generation gets
# the parent of its parent.
case_25b() {
	bad_below
	gh_setup git -C ../server fetch -q ../work "$bad" "$good" "$top"
	gh_setup git -C ../server update-ref refs/heads/all "$top"
	gh_setup git -C ../server commit-graph write --reachable
	gh_setup perl "$GH_SRC/attack/graph.pl" ../server/objects/info/commit-graph "$top" "$two"
	gh_setup git -C ../server config core.commitGraph true
	attack to_main "$top"
	twin to_main "$good"
}
case_28a() {
	bad_and_good
	git -C ../server config receive.advertisePushOptions true
	printf 'a\nGIT_PUSH_CERT_STATUS=G\nhsm.policy=/x\033[2J\033]0;x\007\0b\0' >../options
	RAW_OBJECTS=$bad RAW_OPTIONS=../options attack raw "$two $bad refs/heads/main"
	RAW_OPTIONS=../options twin raw "$two $good refs/heads/main"
}
case_28b() {
	bad_and_good
	git -C ../server config receive.advertisePushOptions true
	perl -e 'print "x" x 60000, "\0" for 1 .. 60' >../options
	RAW_OPTIONS=../options attack raw "$two $good refs/heads/main"
	printf 'a\0b\0c\0' >../options
	RAW_OPTIONS=../options twin raw "$two $good refs/heads/main"
}
# hostile COMMAND...: with an environment that a server's wrapper might have let through.
hostile() {
	GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=hsm.policy GIT_CONFIG_VALUE_0="$GH_WORLD/evil" \
		GIT_CONFIG_PARAMETERS="'hsm.policy'='$GH_WORLD/evil'" GIT_CONFIG_GLOBAL="$GH_WORLD/evil.conf" \
		GIT_CONFIG_SYSTEM="$GH_WORLD/evil.conf" GIT_CONFIG_NOSYSTEM=0 \
		GITSIGN_HSM_POLICY="$GH_WORLD/evil" GIT_GRAFT_FILE="$GH_WORLD/evil.grafts" \
		GIT_REPLACE_REF_BASE=refs/heads/ OPENSSL_CONF="$GH_WORLD/evil.cnf" \
		SSL_CERT_FILE="$GH_WORLD/ca/other.pem" "$@"
}
case_29a() {
	hk_as mallory
	hk_commit 'by mallory'
	sed 's/\[signer "bob"\]/[signer "mallory"]\n\temail = mallory@example.com\n\ttrust = corp\n&/
		s/^\tsigner = role.*/\tsigner = mallory/' ../policy >../evil
	git config -f ../evil.conf hsm.policy "$GH_WORLD/evil"
	echo "$(git rev-parse HEAD) " >../evil.grafts
	printf 'openssl_conf = x\n[x]\nengines = y\n[y]\nz = w\n[w]\ndynamic_path = /nowhere\ninit = 1\n' >../evil.cnf
	attack hostile raw "$two $(git rev-parse HEAD) refs/heads/main"
	hk_as alice
	gh_setup git commit -q --amend -S --reset-author --no-edit
	twin hostile raw "$two $(git rev-parse HEAD) refs/heads/main"
}
empty_server() {
	rm -rf ../server
	hk_server server
}
case_90a() {
	empty_server
	gh_setup git checkout -q --orphan bare
	hk_unsigned 'the first'
	hk_commit 'the second'
	attack push bare:main
	gh_setup git checkout -q main
	twin push main
}
case_90b() {
	empty_server
	gh_setup git checkout -q --orphan bare
	hk_unsigned 'the first'
	first=$(git rev-parse HEAD)
	hk_unsigned 'the second'
	second=$(git rev-parse HEAD)
	gh_setup git -C ../server config hsm.introduction "$first"
	attack push bare:main
	gh_setup git -C ../server config hsm.introduction "$second"
	hk_commit 'the third'
	twin push bare:main
}
case_83b() {
	gh_setup git push -q origin "$two:refs/tags/build/1"
	attack push -f "$one:refs/tags/build/1"
	twin push "$one:refs/tags/build/2"
}
case_88a() {
	gh_setup git checkout -q --orphan strange
	hk_unsigned 'a root of its own'
	gh_setup git checkout -q main
	gh_setup git merge -q -S --allow-unrelated-histories -m merge strange
	attack push main:refs/heads/roots/x
	gh_setup git reset -q --hard "$two"
	gh_setup git checkout -q strange
	gh_setup git commit -q --amend -S --no-edit
	gh_setup git checkout -q main
	gh_setup git merge -q -S --allow-unrelated-histories -m merge strange
	twin push main:refs/heads/roots/x
}
case_88b() {
	gh_setup git checkout -q --orphan strange
	hk_commit 'a root of its own'
	gh_setup git checkout -q main
	gh_setup git merge -q -S --allow-unrelated-histories -m merge strange
	attack push main
	gh_setup git push -q origin "$two:refs/heads/roots/y"
	twin push main:refs/heads/roots/x
}
case_89a() {
	export GIT_COMMITTER_DATE='2001-01-01T00:00:00Z' GIT_AUTHOR_DATE='2001-01-01T00:00:00Z'
	bad_and_good
	unset GIT_COMMITTER_DATE GIT_AUTHOR_DATE
	gh_setup git -C ../server config hsm.introduction "$two"
	attack to_main "$bad"
	twin to_main "$good"
}
case_146a() {
	gh_setup git tag -s -m x v1.0
	gh_setup git push -q origin v1.0
	attack push HEAD:refs/heads/v1.0
	attack push HEAD:refs/heads/x v1.0:refs/tags/v1.0 HEAD:refs/heads/v1.0
	gh_setup git tag -s -m x gone/x
	gh_setup git push -q origin gone/x
	gh_setup git push -q origin :refs/tags/gone/x
	attack push HEAD:refs/heads/gone/x
	twin push HEAD:refs/heads/v1.0-work
}
case_146b() {
	gh_setup git push -q origin HEAD:refs/heads/v2.0
	gh_setup git tag -s -m x v2.0
	attack push refs/tags/v2.0
	gh_setup git tag -s -m x v2.1
	attack push HEAD:refs/heads/v2.1 refs/tags/v2.1
	twin push refs/tags/v2.1
}
case_146c() {
	attack push HEAD:refs/heads/HEAD
	attack push "HEAD:refs/heads/$two"
	attack push HEAD:refs/tags/HEAD
	twin push "HEAD:refs/heads/${two%?}"
}

attack_run
