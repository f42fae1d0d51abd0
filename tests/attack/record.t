#!/bin/sh
# Attacks on the record and on the server around the hook.
#
# shellcheck disable=SC2154,SC2034 # $zero, $one, $two come from lib.sh
. "${GH_SRC:-tests}/attack/lib.sh"

attack_world
state=$GH_WORLD/server/gitsign-hsm

# hook_under LINE...: the hook, at the end of a shell script with these lines.
hook_under() {
	rm -f ../server/hooks/pre-receive
	{
		echo '#!/bin/sh'
		printf '%s\n' "$@"
		echo "exec \"$GH_HOOKS/pre-receive\""
	} >../server/hooks/pre-receive
	chmod 755 ../server/hooks/pre-receive
}
hook_plain() {
	rm -f ../server/hooks/pre-receive
	ln -s "$GH_HOOKS/pre-receive" ../server/hooks/pre-receive
}
# clock SECONDS: the hook's clock goes wrong by so much.
clock() {
	hook_under "export LD_PRELOAD=$GH_TOOLS/clock.so GH_CLOCK=$1 ASAN_OPTIONS=verify_asan_link_order=0"
}
# long_record: six pushes more, so that there is something to change.
long_record() {
	for i in 1 2 3; do
		hk_commit "push $i"
		gh_setup git push -q origin main "main:refs/heads/tip/$i"
	done
	hk_commit 'next'
	cp "$state/record" ../record.good
}
spoil() { # PERL...
	for e; do
		perl -0777 -pe "$e" <../record.good >"$state/record"
		cmp -s ../record.good "$state/record" && diag "nothing was changed by $e"
		attack push main
	done
	cp ../record.good "$state/record"
}

case_140a() {
	long_record
	spoil 's/\n[^\n]*/\n/' 's/^[^\n]*\n//' 's/(\n[^\n]*)(\n[^\n]*)/$2$1/' 's/(\n[^\n]*)/$1$1/' \
		's/alice/bobby/' "s/$two/$one/" 's/(refs\/heads\/tip)/$1s/' 's/ l /  /;s/1/2/'
	twin push main
}
case_140b() {
	bad=$(draft "$two" | store commit)
	hk_unsigned 'bad'
	bad=$(git rev-parse HEAD)
	hk_commit 'next'
	cp "$state/record" ../record.good
	export bad two
	spoil 's/(.*)\n\z/my $l = $1; my $k = $l; $k =~ s{$ENV{two}}{$ENV{bad}}; "$l\n$k\n"/es' \
		's/$ENV{two}/$ENV{bad}/' "s/\\z/99 l 1700000000 $bad main refs\\/heads\\/main alice\\n/"
	gh_setup git reset -q --hard "$two"
	hk_commit 'good'
	twin push main
}
case_140c() {
	cp "$state/record" ../record.old
	hk_commit 'three'
	gh_setup git push -q origin main
	cp ../record.old "$state/record"
	gh_setup git reset -q --hard "$two"
	hk_commit 'another three'
	attack push -f main
	gh_setup git reset -q --hard 'HEAD@{2}'
	hk_commit 'four'
	twin push main
}
case_140d() {
	rm -rf "$state"
	hk_commit 'three'
	hk_unsigned 'hole'
	hk_commit 'five'
	attack push main
	gh_setup git reset -q --hard HEAD~2
	twin push main
}
case_140e() {
	hk_commit 'three'
	mv "$state/record" ../record.good
	ln -s ../../record.good "$state/record"
	attack push main
	rm "$state/record"
	mkdir "$state/record"
	attack push main
	rmdir "$state/record"
	mkfifo -m 600 "$state/record"
	attack timeout 60 git push origin main
	rm "$state/record"
	mv ../record.good "$state/record"
	twin push main
}
case_140f() {
	hk_commit 'three'
	for part in "$state" "$state/record"; do
		chmod g+w "$part"
		attack push main
		chmod g-w "$part"
	done
	twin push main
}
case_147a() {
	cat >>../policy <<-EOF2
		[rule "marks"]
			ref = refs/tags/marks/*
			tag = signed
			accepts = main
			signer = alice
	EOF2
	hk_commit 'lands later'
	gh_setup git tag -s -m one marks/one
	gh_setup git tag -s -m two marks/two
	: >../server/refs/heads/main.lock
	git push -q origin main marks/one >/dev/null 2>&1
	rm ../server/refs/heads/main.lock
	hk_at refs/heads/main | grep -q "$two" && hk_at refs/tags/marks/one >/dev/null ||
		fail "147a the tag did not land alone"
	attack push marks/two
	twin push main marks/two
}
case_30a() {
	for name in gitsign-hsm/record refs/../gitsign-hsm/record refs/heads/../../gitsign-hsm/record \
		gitsign-hsm hooks/pre-receive config; do
		attack raw "$zero $one $name"
	done
	twin raw "$zero $one refs/heads/gitsign-hsm/record"
}
case_140g() {
	hk_unsigned 'bad'
	bad=$(git rev-parse HEAD)
	hk_commit 'top'
	top=$(git rev-parse HEAD)
	{
		printf '[rule "anytip"]\n\tref = refs/heads/anytip\n\tcommits = tip\n\tsigner = alice\n'
		printf '[rule "strict"]\n\tref = refs/heads/strict\n\taccepts = anytip\n\tsigner = alice\n'
	} >>../policy
	printf '#!/bin/sh\n[ "$1" != prepared ]\n' >../server/hooks/reference-transaction
	chmod 755 ../server/hooks/reference-transaction
	git push -q origin HEAD:refs/heads/anytip >/dev/null 2>&1
	rm ../server/hooks/reference-transaction
	grep -q ' p .* refs/heads/anytip ' "$state/record" && ! hk_at refs/heads/anytip >/dev/null ||
		fail '140g it was let in, and did not land'
	hk_commit 'on it'
	attack push HEAD:main
	attack push "$bad:refs/heads/anytip"
	attack push HEAD:refs/heads/strict
	twin push "$top:refs/heads/anytip"
	twin push HEAD:refs/heads/strict
}
# in_days N: a date so many days from now, as a policy has it.
in_days() {
	perl -MPOSIX=strftime -e 'print strftime "%Y-%m-%d", gmtime time + 86400 * shift' "$1"
}
case_141a() {
	sed -i "s/^\[signer \"bob\"\]/&\n\tvalidUntil = $(in_days 2)/" ../policy
	clock $((5 * 86400))
	hk_commit 'later'
	gh_setup git push -q origin main
	hook_plain
	hk_as bob
	hk_commit 'by bob, who has left'
	attack push main
	hk_as alice
	gh_setup git commit -q --amend -S --reset-author --no-edit
	clock $((5 * 86400 + 60))
	twin push main
}
case_141b() {
	GH_DAYS=3
	gh_certificate alice alice@example.com
	GH_DAYS=30
	hk_commit 'with a certificate for three days'
	short=$(git rev-parse HEAD)
	gh_setup git reset -q --hard "$two"
	gh_certificate bob bob@example.com
	hk_as bob
	clock $((5 * 86400))
	hk_commit 'later'
	gh_setup git push -q origin main
	gh_setup git merge -q -S -m merge "$short"
	hook_plain
	attack push main
	gh_setup git reset -q --hard HEAD~1
	hk_commit 'by bob alone'
	clock $((5 * 86400 + 60))
	twin push main
	hk_as alice
	gh_certificate alice alice@example.com
}
case_27a() {
	hk_commit 'three'
	for part in . refs refs/heads refs/tags objects hooks config HEAD; do
		chmod o+w "../server/$part"
		attack push main
		chmod o-w "../server/$part"
	done
	for shared in group all true 1 0660; do
		git -C ../server config core.sharedRepository $shared
		attack push main
		chmod -R go-w ../server
	done
	git -C ../server config core.sharedRepository 0640
	mkdir ../program
	cp "$GH_HOOKS/pre-receive" ../program
	rm ../server/hooks/pre-receive
	printf '#!/bin/sh\nexec "%s/program/pre-receive"\n' "$GH_WORLD" >../server/hooks/pre-receive
	chmod 755 ../server/hooks/pre-receive
	chmod o+w ../program/pre-receive
	attack push main
	chmod o-w ../program/pre-receive
	chmod o+w ../program
	attack push main
	chmod o-w ../program
	twin push main
	rm -r ../program
}
case_151a() {
	hk_unsigned 'bad'
	bad=$(git rev-parse HEAD)
	gh_setup git push -q origin HEAD:refs/heads/side
	hk_commit 'top'
	gh_setup git push -q origin HEAD:refs/heads/tip/a
	gh_setup git -C ../server update-ref -d refs/heads/tip/a
	gh_setup git -C ../server update-ref -d refs/heads/side
	gh_setup git -C ../server reflog expire --expire=now --all
	gh_setup git -C ../server gc -q --prune=now
	attack push HEAD:main
	gh_setup git reset -q --hard "$two"
	hk_commit 'good'
	twin push main
}

attack_run
