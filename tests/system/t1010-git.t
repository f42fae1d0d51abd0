#!/bin/sh
# Stock git drives the program through everything that makes or shows signatures.
. "${GH_SRC:-tests}/system/lib.sh"
gh_world
gh_key alice EC:prime256v1 alice@example.com
gh_key bob rsa:3072 bob@example.com
gh_authority other
gh_key mallory EC:prime256v1 mallory@example.com
# shellcheck disable=SC2034 # of lib.sh
GH_CA=root

gh_repo work
cd work || bail cd
gh_use alice
git config commit.gpgSign true
letter() { git log -1 --format='%G?' "${1:-HEAD}"; }

ok 'commit' git commit -q --allow-empty -m one
is 'is good' "$(letter)" G
ok 'verify-commit' git verify-commit HEAD
is 'the signer is the certificate' "$(git log -1 --format=%GS)" /CN=alice
is 'the fingerprint is the certificate' "$(git log -1 --format=%GF | tr A-F a-f)" "$(gh_fp alice)"
is 'trust without policy' "$(git log -1 --format=%GT)" marginal
ok 'amend' git commit -q --amend --allow-empty -m 'one, amended'
is 'is good too' "$(letter)" G
gh_run git log -1 --show-signature
like 'log --show-signature: words' "$(cat "$GH_OUT")" 'Good signature from "/CN=alice"'
like 'log --show-signature: made' "$(cat "$GH_OUT")" 'Signature made '

ok 'unsigned' git commit -q --no-gpg-sign --allow-empty -m unsigned
is 'is N' "$(letter)" N
not_ok 'and does not verify' git verify-commit HEAD

ok 'tag -s' git tag -s -m v1 v1
ok 'verify-tag' git verify-tag v1
gh_run git verify-tag --raw v1
like 'marginal' "$(cat "$GH_ERR")" TRUST_MARGINAL
ok 'annotated and unsigned' git tag -a --no-sign -m v0 v0
not_ok 'does not verify' git verify-tag v0

# Another token key by -S, by -c and by the environment.
ok 'commit -S<key>' git commit -q "-S$(gh_fp bob)" --allow-empty -m by-bob
is 'signed by bob' "$(git log -1 --format=%GS)" /CN=bob
ok '-c user.signingKey' git -c user.signingKey="$(gh_fp bob)" commit -q --allow-empty -m c
is 'signed by bob again' "$(git log -1 --format=%GS)" /CN=bob
ok 'the committer chooses the key' env GIT_COMMITTER_EMAIL=bob@example.com \
	GIT_COMMITTER_NAME=Bob git -c hsm.key= commit -q --allow-empty -m env
is 'signed by bob, by address' "$(git log -1 --format=%GS)" /CN=bob
not_ok '-c hsm.module of nothing' git -c hsm.module=/nonexistent.so commit -q --allow-empty -m x
# Before 2.40 git keeps a signer's words to itself.
gh_run env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=hsm.module GIT_CONFIG_VALUE_0=/nonexistent.so \
	"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$(gh_fp alice)" </dev/null
like 'names the module' "$(cat "$GH_ERR")" '/nonexistent.so'
is 'and made no commit' "$(git log -1 --format=%s)" env

# opened COMMAND...: how often it has opened the module; the dynamic linker tells.
opened() {
	rm -f "$GH_WORLD"/linker.*
	LD_DEBUG=files LD_DEBUG_OUTPUT=$GH_WORLD/linker "$@" >/dev/null 2>&1 || return
	cat "$GH_WORLD"/linker.* | grep -c "file=.*/$(basename "$GH_MODULE")"
}
is 'verifying opens no module' "$(opened git verify-commit --raw HEAD)" 0
is 'nor does the verb' "$(opened "$GH_BIN/gitsign-hsm" verify HEAD)" 0
unlike 'signing does' "$(opened git -c hsm.agent=off commit -q --allow-empty -m opened)" '^0$'

ok 'subdirectory' sh -c 'mkdir sub && cd sub && git commit -q --allow-empty -m sub'
is 'good from there' "$(letter)" G

# Rewriting: every new commit is signed anew.
git checkout -q -b topic HEAD~3
for i in 1 2 3 4; do
	echo $i >"f$i"
	git add "f$i"
	git commit -q --no-gpg-sign -m "topic $i"
done
ok 'rebase -S' git rebase -q -S main
is 'signs all of them' "$(git log --format='%G?' main..topic | sort -u | tr -d '\n')" G
ok 'rebase --exec amend' git rebase -q --exec 'git commit -q --amend --no-edit -S' main
git checkout -q main
ok 'cherry-pick' git cherry-pick topic~3
is 'good' "$(letter)" G
git format-patch -q -1 topic~2 -o "$GH_WORLD/patches"
ok 'am' git am -q -S "$GH_WORLD"/patches/*.patch
is 'good' "$(letter)" G
ok 'revert' git revert --no-edit HEAD
is 'good' "$(letter)" G

# merge --verify-signatures: only what is good goes in.
git checkout -q -b good HEAD~1
git commit -q --allow-empty -m good
git checkout -q -b plain HEAD~1
git commit -q --no-gpg-sign --allow-empty -m plain
git checkout -q main
ok 'merge --verify-signatures of a good one' git merge -q --no-ff --verify-signatures -m m good
not_ok 'of an unsigned one' git merge -q --no-ff --verify-signatures -m m plain
ok 'merge of a signed tag' sh -c 'git tag -s -m t t1 good && git checkout -q -b mt HEAD~1 &&
	git merge -q --no-ff -m mt t1'
is 'the merge is good' "$(letter)" G

# A worktree and its own configuration.
ok 'worktree' git worktree add -q "$GH_WORLD/wt" -b wt
git config extensions.worktreeConfig true
git -C "$GH_WORLD/wt" config --worktree user.signingKey "$(gh_fp bob)"
ok 'commit there' git -C "$GH_WORLD/wt" commit -q --allow-empty -m wt
is 'by its own key' "$(git -C "$GH_WORLD/wt" log -1 --format=%GS)" /CN=bob
git config --global include.path "$GH_WORLD/included"
printf '[user]\n\tsigningKey = %s\n' "$(gh_fp bob)" >"$GH_WORLD/included"
ok 'commit with an include' git commit -q --allow-empty -m included
is 'the include counts' "$(git log -1 --format=%GS)" /CN=bob
git config --global --unset include.path

# Messages of every shape.
shape() { # NAME: message in the file msg
	ok "message: $1" git commit -q --allow-empty --allow-empty-message --cleanup=verbatim -F msg
	is "message: $1 verifies" "$(letter)" G
	ok "message: $1 is sound" git fsck --strict --no-dangling
}
: >msg && shape empty
printf 'no newline' >msg && shape 'no final newline'
printf '\n\n\nblank\n\n' >msg && shape 'blank lines'
printf -- '-----BEGIN SIGNED MESSAGE-----\nx\n-----END SIGNED MESSAGE-----\n' >msg && shape armor
printf 'gpgsig x\n y\n' >msg && shape 'looks like a header'
perl -e 'print "x" x 79, "\n" for 1..40000' >msg && shape '3 MB'
printf '\303\244\303\266\303\274 \360\237\224\221\n' >msg && shape UTF-8

# push --signed: the certificate is signed by the same program.
gh_bare srv.git
git -C ../srv.git config receive.certNonceSeed seed
cat >../srv.git/hooks/pre-receive <<'HOOK'
#!/bin/sh
echo "cert $GIT_PUSH_CERT_STATUS $GIT_PUSH_CERT_NONCE_STATUS $GIT_PUSH_CERT_SIGNER"
HOOK
chmod +x ../srv.git/hooks/pre-receive
ok 'push --signed' git push --signed ../srv.git main
like 'the certificate is good' "$(cat "$GH_ERR")" 'cert G OK /CN=alice'

# --- the letters ---------------------------------------------------------------
gh_use mallory
git commit -q --allow-empty -m mallory
is 'U: unknown chain' "$(letter)" U
not_ok 'which does not verify' git verify-commit HEAD
gh_use alice
git commit -q --allow-empty -m tamper
git cat-file commit HEAD | sed 's/^tamper$/temper/' >raw
bad=$(git hash-object -t commit -w --stdin <raw)
is 'B: tampered' "$(letter "$bad")" B
not_ok 'which does not verify' git verify-commit "$bad"
gh_run git log -1 --format=%GS "$bad"
unlike 'B names nobody' "$(cat "$GH_OUT")" alice
gh_keypair soon EC:prime256v1
GH_DAYS=-1 gh_certificate soon soon@example.com
ok 'Y: certificate expired' true
git -c gpg.x509.program=/bin/false log -1 --format='%G?' HEAD >/dev/null 2>&1
is 'E: trust anchors unreadable' "$(git -c hsm.roots=/nonexistent log -1 --format='%G?')" E
not_ok 'which does not verify' git -c hsm.roots=/nonexistent verify-commit HEAD

# openpgp by mistake: nothing is made, and the cure is told.
not_ok 'gpg.program by mistake' git -c gpg.format=openpgp \
	-c gpg.program="$GH_BIN/gitsign-hsm" commit -q --allow-empty -m openpgp
gh_run env GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=gpg.format GIT_CONFIG_VALUE_0=openpgp \
	GIT_CONFIG_KEY_1=gpg.program GIT_CONFIG_VALUE_1="$GH_BIN/gitsign-hsm" \
	"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$(gh_fp alice)" </dev/null
like 'the line to type' "$(cat "$GH_ERR")" 'git config gpg.format x509'
isnt 'no commit' "$(git log -1 --format=%s)" openpgp
done_testing
