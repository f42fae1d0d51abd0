#!/bin/sh
# Attacks by other ways than a push, and on a server that keeps no record.
#
# shellcheck disable=SC2154,SC2034 # $zero, $one, $two come from lib.sh
. "${GH_SRC:-tests}/attack/lib.sh"

hk_rules_usual=$(hk_rules)
hk_rules() {
	printf '%s\n' "$hk_rules_usual"
	cat <<-EOF2
		[rule "roots"]
			ref = refs/heads/roots/*
			signer = alice
			roots = any
	EOF2
}
attack_world

# by_hand ARGS: git on the server, behind the hook that judges every change of a ref.
by_hand() {
	git -C "$GH_WORLD/server" "$@"
}
judged_by_hand() {
	ln -s "$GH_HOOKS/reference-transaction" ../server/hooks/reference-transaction
}
# set_by_hand: as update-ref, and says what `twin` listens to.
set_by_hand() {
	by_hand update-ref "$@" && echo 'gitsign-hsm: accepted'
}

case_32a() {
	bad_and_good
	gh_setup by_hand fetch -q ../work "$bad" "$good"
	judged_by_hand
	attack by_hand update-ref refs/heads/main "$bad"
	attack by_hand fetch -q "$GH_WORLD/work" "$bad:refs/heads/main"
	attack by_hand branch -f main "$bad"
	twin set_by_hand refs/heads/main "$good"
}
case_32b() {
	gh_setup git push -q origin HEAD:refs/heads/topic
	judged_by_hand
	attack by_hand update-ref -d refs/heads/main
	attack by_hand update-ref refs/heads/main "$one"
	gh_setup by_hand pack-refs --all
	attack by_hand update-ref -d refs/heads/main
	attack by_hand branch -D main
	twin set_by_hand -d refs/heads/topic
}
# An update hook, which git runs between pre-receive and the change of the ref.
between() {
	cat >../server/hooks/update
	chmod 755 ../server/hooks/update
}
# held REF: a push of it in the background, let in by pre-receive and stopped before it lands.
held() {
	between <<-EOF2
		#!/bin/sh
		[ "\$1" = $1 ] || exit 0
		cd '$GH_WORLD' || exit 1
		: >held
		until [ -e go ] || [ ! -e held ]; do sleep 0.05; done
		[ "\$(cat go)" = land ]
	EOF2
	rm -f ../held ../go
	git push -q origin "$2:$1" >../held.out 2>&1 &
	held=$!
	until [ -e ../held ] || ! kill -0 "$held" 2>/dev/null; do sleep 0.05; done
}
let_go() { # land|fail
	echo "$1" >../go.new
	mv ../go.new ../go
	wait "$held"
}
case_31a() {
	for name in one two three; do
		gh_setup git tag -s -m x "$name"
	done
	held refs/heads/one HEAD
	attack push refs/tags/one
	twin push refs/tags/two
	let_go land || diag "the first push: $(cat ../held.out)"
	attack push refs/tags/one
	held refs/tags/three three
	attack push HEAD:refs/heads/three
	let_go fail && diag 'it was to fail'
	twin push HEAD:refs/heads/three
}
case_32c() {
	judged_by_hand
	sed 's/alice@/nobody@/' ../policy >../policy.without
	chmod 644 ../policy.without
	bad_and_good
	between <<-EOF2
		#!/bin/sh
		exit 1
	EOF2
	git push -q origin "$good:refs/heads/main" >/dev/null 2>&1 && diag 'it was not kept out'
	cp ../policy ../policy.with
	cp ../policy.without ../policy
	attack by_hand update-ref refs/heads/main "$good"
	cp ../policy.with ../policy
	between <<-EOF2
		#!/bin/sh
		cp '$GH_WORLD/policy.without' '$GH_WORLD/policy'
	EOF2
	twin to_main "$good"
}
stateless() {
	git -C ../server config hsm.record off
}
case_12d() {
	stateless
	bad_and_good
	gh_setup git push -q origin "$bad:refs/heads/wash" "$good:refs/heads/iron"
	attack to_main "$bad"
	gh_setup git checkout -q -B clean "$bad"
	hk_commit 'a clean shirt'
	attack to_main HEAD
	twin to_main "$good"
}
case_13b() {
	stateless
	attack push -f "$one:refs/heads/main"
	attack raw "$one $two refs/heads/main"
	hk_commit 'three'
	twin push main
}
case_88c() {
	stateless
	gh_setup git checkout -q --orphan strange
	hk_unsigned 'a root of its own'
	gh_setup git checkout -q main
	gh_setup git merge -q -S --allow-unrelated-histories -m merge strange
	attack push main
	gh_setup git checkout -q --orphan signed
	hk_commit 'a signed root of its own'
	gh_setup git checkout -q main
	gh_setup git reset -q --hard "$two"
	gh_setup git merge -q -S --allow-unrelated-histories -m merge signed
	attack push main
	gh_setup git reset -q --hard "$two"
	hk_commit 'three'
	gh_setup git checkout -q -B side "$two"
	hk_commit 'side'
	gh_setup git merge -q -S -m merge main
	twin push HEAD:main
}

case_152a() {
	hk_commit 'one more'
	good=$(git rev-parse HEAD)
	gh_setup git reset -q --hard "$two"
	hk_unsigned 'bad'
	git -C ../server config core.repositoryFormatVersion 1
	for extension in 'worktreeConfig true' 'preciousObjects true' 'objectFormat sha1'; do
		# shellcheck disable=SC2086 # two words
		git -C ../server config extensions.${extension}
		attack push HEAD:main
		git -C ../server config --unset "extensions.${extension% *}"
	done
	git -C ../server config extensions.preciousObjects true
	twin push "$good:main"
}

attack_run
