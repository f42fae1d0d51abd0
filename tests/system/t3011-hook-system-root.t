#!/bin/sh
# Where the hook looks for its policy: the repository, the system's git configuration, the
# default. In a mount namespace with an /etc of its own, which only root can make.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

[ "$(id -u)" = 0 ] || skip_all 'only root can have another /etc'
if [ -z "${GH_OWN_ETC-}" ]; then
	unshare -m true 2>/dev/null || skip_all 'no mount namespaces here'
	GH_OWN_ETC=1 exec unshare -m sh "$0"
fi
# Root trusts no directory of others: their TMPDIR stays theirs.
[ "$(stat -c %u "${TMPDIR:-/tmp}")" = 0 ] ||
	mount -t tmpfs -o mode=755 tmpfs "$TMPDIR" || bail mount
hk_world
hsm=$GH_BIN/gitsign-hsm
server=$GH_WORLD/server
cp -a /etc "$GH_WORLD/etc"
rm -rf "$GH_WORLD/etc/gitconfig" "$GH_WORLD/etc/gitsign-hsm"
gh_setup mount --bind "$GH_WORLD/etc" /etc
# Root has looked at /etc, so that nobody else can write there.
chmod go-w /etc
only() {
	hk_head
	printf '[rule "all"]\n\tref = refs/**\n\tsigner = %s\n' "$1"
}
only alice >"$GH_WORLD/alices"
only bob >"$GH_WORLD/bobs"
# next: alice's next commit.
next() { hk_commit 'next'; }

git -C "$server" config --unset hsm.policy
next
refused 'no policy anywhere: nothing goes in' 'no policy is configured' origin main
like 'and it says who can mend it' "$(said | tr '\n' ' ')" "The server's +administrator names one"

mkdir /etc/gitsign-hsm
cp "$GH_WORLD/alices" /etc/gitsign-hsm/policy
accepted 'the default, where none is named' origin main
chmod g+w /etc/gitsign-hsm/policy
next
refused 'if nobody else can write it' 'chmod' origin main
chmod g-w /etc/gitsign-hsm/policy
accepted 'then it counts again' origin main

printf '[hsm]\n\tpolicy = %s\n' "$GH_WORLD/bobs" >/etc/gitconfig
next
refused "the system's git configuration before it" 'signed by alice, who may not' origin main
git config --global hsm.policy "$GH_WORLD/alices"
refused "not the account's own" 'signed by alice, who may not' origin main
git config --global --unset hsm.policy
git -C "$server" config hsm.policy "$GH_WORLD/alices"
accepted "and before both the repository's" origin main
git -C "$server" config hsm.policy "$GH_WORLD/missing"
next
refused 'one that is named and missing is not replaced by another' 'missing' origin main

# Whoever runs the hook has to own what it is for. Of git itself nothing else is asked here.
chown -R nobody "$server"
gh_run sh -c 'cd "$1" && echo "$2" | hooks/pre-receive' sh "$server" \
	"$(git rev-parse HEAD~1) $(git rev-parse HEAD) refs/heads/main"
is "another account's repository is refused" "$GH_STATUS" 3
like 'with what to do' "$(tr -s ' \n' '  ' <"$GH_ERR")" 'does not belong to the user .*chown -R 0 '
unlike 'once' "$(cat "$GH_ERR")" 'chown 0 '
chown -R 0 "$server"

# Other repositories may stand on a policy that this one does not name.
git -C "$server" config --unset hsm.policy
sed -i 's/^version = 1/&\nmode = report/' "$GH_WORLD/bobs"
cp "$GH_WORLD/bobs" "$GH_WORLD/before"
exits 3 'hook enable switches no policy that is shared' "$hsm" hook enable --anyway "$server"
like 'without a word' "$(tr '\n' ' ' <"$GH_ERR")" 'policy of every repository that names no other'
ok 'and leaves it' cmp "$GH_WORLD/bobs" "$GH_WORLD/before"
exits 0 'with --shared it does' "$hsm" hook enable --anyway --shared "$server"
like 'in the file' "$(cat "$GH_WORLD/bobs")" 'mode = enforce'
refused 'which is in force then' 'signed by alice, who may not' origin main

done_testing
