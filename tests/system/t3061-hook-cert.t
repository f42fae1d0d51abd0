#!/bin/sh
# Push certificates: `git push --signed` as it is, and what a client can make of one.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
zero=0000000000000000000000000000000000000000
seeds() {
	git -C "$GH_WORLD/server" config receive.certNonceSeed "$1"
	git -C "$GH_WORLD/server" config receive.advertisePushOptions true
	git -C "$GH_WORLD/server" config receive.certNonceSlop 600
}
cert_policy() {
	{
		hk_head
		cat <<-EOF
			[rule "main"]
				ref = refs/heads/main
				commits = signed
				signer = alice
				rewind = allow
				pushCertificate = required
			[rule "shared"]
				ref = refs/heads/shared/*
				commits = signed
				signer = alice
				pusher = bob
				delete = allow
				rewind = allow
			[rule "free"]
				ref = refs/heads/free/*
				commits = signed
				signer = anyone
				rewind = allow
				keylessUpdate = allow
		EOF
		cat
	} >"$GH_WORLD/policy"
	chmod 644 "$GH_WORLD/policy"
}
cert_policy </dev/null

# --- without a seed, without --signed ------------------------------------------------------
hk_commit 'one'
refused 'a rule that wants a certificate; a server that does not ask' \
	'wants a push certificate, and this server does not' origin main
refused 'is told by its name' 'receive.certNonceSeed' origin main
exits 3 'hook status tells of it' "$GH_BIN/gitsign-hsm" hook status ../server
like 'by the rule' "$(cat "$GH_OUT")" 'PROBLEM +rule "main" wants push certificates, but git does'
seeds secret
git -C ../server config hsm.pushUrl https://alice@git.example.com/p.git/
ok 'asked for, they are no problem' "$GH_BIN/gitsign-hsm" hook status ../server
like 'status says how long one is good' "$(cat "$GH_OUT")" '^certificates +asked for, good for 600 s'
like 'and for which URL' "$(cat "$GH_OUT")" '^push URL +https://git.example.com/p.git$'
git -C ../server config --unset hsm.pushUrl
refused 'without --signed the push is refused' 'pushed without a push certificate' origin main
refused 'and told how' '^    git push --signed$' origin main
GL_PROTOCOL=web
export GL_PROTOCOL
gh_run git push origin main
like 'a web page gets other words' "$(said)" '^GL-HOOK-ERR: made on a web page, '
unlike 'and each line of them is for the page' "$(said)" '^[^G]'
GL_PROTOCOL=http
refused 'HTTP too' 'pushed over HTTP without a push certificate' origin main
unset GL_PROTOCOL

# --- as it should be -------------------------------------------------------------------------
accepted 'with --signed it goes in' --signed origin main
is 'and is remembered' "$(grep -c '^[0-9]* [0-9a-f]*$' ../server/gitsign-hsm/push-certificates)" 1
git config --global push.gpgSign if-asked
hk_commit 'two'
accepted 'push.gpgSign = if-asked is enough' origin main
accepted 'several refs' origin main:refs/heads/free/a main:refs/heads/free/b
git config --global push.gpgSign false

# --- whose -------------------------------------------------------------------------------------
hk_commit 'three'
hk_as bob
refused 'a certificate by one who may not push here' 'push certificate by bob, who may not push' \
	--signed origin main
refused 'says who may' 'who may: alice' --signed origin main
hk_as mallory
refused 'one by a stranger' 'push certificate: .*mallory' --signed origin main
refused 'also where none is wanted' 'push certificate: .*mallory' --signed origin main:refs/heads/free/a
hk_as alice
accepted 'the right one' --signed origin main
accepted 'without certificate where none is wanted' origin main:refs/heads/free/a
refused 'pusher: the signers are not meant' 'push certificate by alice, who may not push here' \
	--signed origin main:refs/heads/shared/x
accepted 'a signed commit answers for itself' origin main:refs/heads/shared/x
refused 'a branch at an old commit has nobody to answer' 'nobody answers for it' \
	origin main:refs/heads/shared/y
refused 'it says what would' 'git push --signed' origin main:refs/heads/shared/y
hk_as bob
accepted 'but a pusher who signs does' --signed origin main:refs/heads/shared/y
like 'and is named' "$(said)" 'by bob on refs/heads/shared/y'
is 'on record too' "$(tail -n 1 ../server/gitsign-hsm/record | cut -d ' ' -f 11)" bob
refused 'nobody answers for a deletion' 'a deletion carries no signature' origin :shared/y
accepted 'but who signs the push' --signed origin :shared/y
refused 'and not where deletions are not allowed' 'no deletion' --signed origin :free/b
hk_as alice
refused 'not by one who may not push' 'who may not push here' --signed origin :shared/x

# --- whoever has a certificate of the authority ---------------------------------------------
hk_key carol carol@example.com
sed -i 's/^\(.*roots = .*\)$/\1\n\temailDomain = example.com/' ../policy
cat >>../policy <<EOF
[rule "by-domain"]
	ref = refs/heads/domain/*
	commits = signed
	signer = trust:corp
	delete = allow
EOF
hk_as carol
gh_setup git checkout -q -b carols HEAD~1
hk_commit "carol's"
accepted 'a signer by address' origin HEAD:refs/heads/domain/one
accepted 'pushes by address too' --signed origin HEAD:refs/heads/domain/two
accepted 'and answers for a deletion' --signed origin :refs/heads/domain/two
refused 'where signers are named she may not' 'push certificate: .*carol' --signed origin \
	HEAD:refs/heads/free/carol
cert_policy </dev/null
hk_as alice
gh_setup git checkout -q main

# --- another key, an expired one, an unsigned one ---------------------------------------------
cp ../keys/alice.pem ../alice.pem
gh_setup openssl x509 -new -force_pubkey ../keys/alice.pub -subj /CN=alice -CA ../ca/root.pem \
	-CAkey ../ca/root.key -set_serial 0x77 -days -1 -extfile ../keys/alice.ext \
	-out ../keys/alice.pem
refused 'an expired certificate' 'push certificate: .*expired at' --signed \
	origin main:refs/heads/free/expired
cp ../alice.pem ../keys/alice.pem

# --- what a client can make of it ------------------------------------------------------------
# raw-push.pl asks certificate.sh for one: it signs CERT_COMMANDS for the nonce it is given.
cat >../certificate <<EOF
#!/bin/sh
nonce=\${CERT_NONCE-\$1}
{
	printf 'certificate version 0.1\npusher %s %s +0000\n' "\${CERT_PUSHER-alice}" \
		\$(od -An -N4 -tu4 /dev/urandom)
	[ -z "\${CERT_PUSHEE-}" ] || echo "pushee \$CERT_PUSHEE"
	[ -z "\$nonce" ] || echo "nonce \$nonce"
	[ -z "\${CERT_OPTION-}" ] || echo "push-option \$CERT_OPTION"
	printf '\n%s\n' "\$CERT_COMMANDS"
} >"$GH_WORLD/cert.text"
[ -z "\${CERT_TEXT-}" ] || cp "\$CERT_TEXT" "$GH_WORLD/cert.text"
"$GH_WORLD/signer" --status-fd=2 -bsau "\${CERT_BY-alice}" <"$GH_WORLD/cert.text" \
	>"$GH_WORLD/cert.armor" 2>/dev/null
eval "\${CERT_EDIT-}"
cat "$GH_WORLD/cert.text" "$GH_WORLD/cert.armor"
EOF
chmod 755 ../certificate
RAW_CERT=$GH_WORLD/certificate
export RAW_CERT
one=$(git rev-parse HEAD~2)
three=$(git rev-parse HEAD)
hk_commit 'four'
four=$(git rev-parse HEAD)
main=refs/heads/main
reset_main() { gh_setup git -C "$GH_WORLD/server" update-ref "$main" "$1"; }

# cert_refused DESC PATTERN [NAME=VALUE...] [COMMAND...]; cert_accepted DESC [NAME=VALUE...]
raw_env() (
	while case ${1-} in CERT_*=* | RAW_*=*) true ;; *) false ;; esac do
		# shellcheck disable=SC2163 # a whole assignment
		export "$1"
		shift
	done
	exec perl "$GH_SRC/system/raw-push.pl" "$GH_WORLD/server" "$@"
)
cert_refused() {
	local desc pattern
	desc=$1
	pattern=$2
	shift 2
	gh_run raw_env "CERT_COMMANDS=$three $four $main" "$@"
	if [ "$GH_STATUS" != 0 ] && grep -Eq 'hook declined|inconsistent push options' "$GH_OUT" &&
		tr '\n' ' ' <"$GH_OUT" | grep -Eq -e "$pattern" &&
		[ "$(hk_at $main)" = "$three" ]; then
		pass "$desc"
	else
		fail "$desc"
		diag "wanted: $pattern"
		gh_show raw_env "$@"
	fi
}
cert_accepted() {
	local desc
	desc=$1
	shift
	ok "$desc" raw_env "CERT_COMMANDS=$three $four $main" "$@"
	is 'and has landed' "$(hk_at $main)" "$four"
	reset_main "$three"
}
cert_accepted 'a certificate by hand goes in'
cert_refused 'a command beside it does not ride along' 'other ref updates' \
	"$zero $one refs/heads/free/ride"
not_ok 'and did not land' hk_at refs/heads/free/ride
RAW_AFTER=1
export RAW_AFTER
cert_refused 'behind it neither' 'other ref updates' "$zero $one refs/heads/free/ride"
unset RAW_AFTER
cert_refused 'a certificate twice' '.' "CERT_COMMANDS=$three $four $main
$three $four $main"
cert_refused 'one changed after it was signed' 'push certificate: the signature is not good' \
	"CERT_EDIT=sed -i s/+0000/+0100/ $GH_WORLD/cert.text"
cert_refused 'a header that it must not have' 'push certificate: malformed' \
	"CERT_EDIT=sed -i s/^pusher/pushed/ $GH_WORLD/cert.text"
cert_refused 'a line end of another system' 'push certificate: malformed' \
	"CERT_EDIT=sed -i 1s/\$/\\\\r/ $GH_WORLD/cert.text"
cert_refused 'bytes behind the signature' 'push certificate: malformed' \
	"CERT_EDIT=echo more >>$GH_WORLD/cert.armor"
cert_refused 'a nonce from elsewhere' 'its nonce is none of this server' \
	'CERT_NONCE=1700000000-0123456789012345678901234567890123456789'
cert_refused 'none at all' 'push certificate: malformed: no .nonce' 'CERT_NONCE='
cert_refused 'a PKCS#11 URI that could hold a PIN' 'query part' \
	'CERT_PUSHER=pkcs11:token=world?pin-value=1234'
cert_accepted 'a PKCS#11 URI without' 'CERT_PUSHER=pkcs11:token=world;id=%01'
cert_refused 'by a stranger' 'push certificate: .*mallory' CERT_BY=mallory

# git takes the commands from the certificate. Should it ever leave one out, we see it.
CERT_COMMANDS="$zero $one refs/heads/free/two
$zero $one refs/heads/free/three"
export CERT_COMMANDS
two=$(../certificate "$(date +%s)-0123" | git -C ../server hash-object -w --stdin)
# hook_alone LINES: the hook, as git would run it.
hook_alone() (
	cd ../server || exit 1
	printf '%s\n' "$1" | GIT_DIR=. GIT_PUSH_CERT=$two GIT_PUSH_CERT_NONCE_STATUS=OK \
		hooks/pre-receive
)
exits 1 'a certificate for more than is pushed is refused' hook_alone \
	"$zero $one refs/heads/free/two"
like 'by that name' "$(tr '\n' ' ' <"$GH_ERR")" 'names other ref updates'
ok 'for all that is pushed it is good' hook_alone "$CERT_COMMANDS"
exits 1 'in another order it is not' hook_alone "$(printf '%s\n' "$CERT_COMMANDS" | sed -n '2p;1p')"
unset CERT_COMMANDS

# Options are part of what is signed.
printf 'ci.skip\0' >../options
cert_refused 'an option that was not signed' 'other push options' \
	"RAW_OPTIONS=$GH_WORLD/options"
cert_refused 'an option that was not sent' 'other push options' CERT_OPTION=ci.skip
cert_accepted 'the same in both' CERT_OPTION=ci.skip "RAW_OPTIONS=$GH_WORLD/options"
printf 'ci.skip\0more\0' >../options
cert_refused 'one more than was signed' 'other push options' CERT_OPTION=ci.skip \
	"RAW_OPTIONS=$GH_WORLD/options"

# --- to which repository -----------------------------------------------------------------------
git -C ../server config --add hsm.pushUrl 'https://admin@git.example.com/project.git'
git -C ../server config --add hsm.pushUrl 'git@git.example.com:project.git'
cert_refused 'a certificate for another repository' 'for another repository: +https://git' \
	'CERT_PUSHEE=https://git.example.com/other.git'
cert_refused 'or for none' 'for another repository: no URL'
cert_accepted 'for this one' 'CERT_PUSHEE=https://git.example.com/project.git'
cert_accepted 'by its other URL' 'CERT_PUSHEE=git.example.com:project.git'
unset RAW_CERT
refused 'git names the URL that it pushes to' 'for another repository:' --signed origin main
git -C ../server config --add hsm.pushUrl "$GH_WORLD/server"
accepted 'which is one of ours now' --signed origin main
reset_main "$three"
git -C ../server config --unset-all hsm.pushUrl
RAW_CERT=$GH_WORLD/certificate
export RAW_CERT

# --- once, and in time -----------------------------------------------------------------------
# As over HTTP: a second request gives git no reason to refuse.
RAW_STATELESS=1
export RAW_STATELESS
cert_accepted 'as over HTTP' "RAW_SAVE=$GH_WORLD/request"
cp ../cert.text ../kept.text
cert_refused 'the same request again is refused' 'was used for a push already' \
	"RAW_SEND=$GH_WORLD/request"
is 'it is remembered with the time of its nonce' \
	"$(grep -v '^sum' ../server/gitsign-hsm/push-certificates | tail -n 1 | cut -d' ' -f1)" \
	"$(sed -n 's/^nonce \([0-9]*\)-.*/\1/p' ../kept.text)"
mv ../server/gitsign-hsm/push-certificates ../kept
cert_accepted 'git itself would take it' "RAW_SEND=$GH_WORLD/request"
mv ../kept ../server/gitsign-hsm/push-certificates
cert_refused 'a signature of its own is no other certificate' 'was used for a push already' \
	"CERT_TEXT=$GH_WORLD/kept.text"
cert_accepted 'another text is one' CERT_PUSHER=alice2
cp ../server/gitsign-hsm/push-certificates ../kept
sed -i 's/^sum ./sum x/' ../server/gitsign-hsm/push-certificates
cert_refused 'a memory that is damaged is not believed' 'push-certificates, .*damaged: +make +a +new +receive.certNonceSeed'
cp ../kept ../server/gitsign-hsm/push-certificates
chmod g+w ../server/gitsign-hsm/push-certificates
cert_refused 'nor one that others can write to' 'chmod'
chmod g-w ../server/gitsign-hsm/push-certificates

# What an older version has written. Whatever that forgot is not newer than its file.
old_memory() {
	{
		echo v1
		sed -n '2,$s/^[0-9]* \([0-9a-f]*\)$/4102444800 \1/p' ../kept
	} >../old
	printf 'sum %s\n' "$(openssl dgst -sha256 -r ../old | cut -c1-32)" >>../old
	cp ../old ../server/gitsign-hsm/push-certificates
}
old_memory
touch -d '1 hour ago' ../server/gitsign-hsm/push-certificates
cert_refused 'a memory of an older version is believed' 'was used for a push already' \
	"RAW_SEND=$GH_WORLD/request"
cert_accepted 'and added to'
like 'it is of this version then' "$(sed 1q ../server/gitsign-hsm/push-certificates)" '^v2 [0-9]*$'
old_memory
touch -d '1 hour' ../server/gitsign-hsm/push-certificates
cert_refused 'what is not newer than it may have been used' 'may have been used already'
cp ../kept ../server/gitsign-hsm/push-certificates

# A clock that was ahead for two days, in which used certificates were forgotten.
at() (
	export LD_PRELOAD="$GH_TOOLS/clock.so" GH_CLOCK="$1" ASAN_OPTIONS=verify_asan_link_order=0
	shift
	"$@"
)
ahead_cert() {
	ok "$1" at "$2" raw_env "CERT_COMMANDS=$three $four $main"
	reset_main "$three"
}
ahead_cert 'a clock that is ahead' 86400
ahead_cert 'and goes on' 172800
gh_setup git -C ../server config hsm.clockReset "$(grep -c ' p ' ../server/gitsign-hsm/record)"
cert_refused 'nobody knows what was used then' 'may have been used already: .*not +newer +than +[-0-9T:]*Z'
like 'nor can the pusher mend it' "$(tr '\n' ' ' <"$GH_OUT")" 'make +a +new +receive.certNonceSeed, then'
seeds other
cert_refused 'a new seed alone leaves the memory' 'may have been used already'
rm ../server/gitsign-hsm/push-certificates
cert_accepted 'both are the way back'
cert_refused 'and with the old seed nothing is good' 'its nonce is none of this server' \
	"RAW_SEND=$GH_WORLD/request"
seeds secret
unset RAW_STATELESS
# The nonce is from when the request was made; git says OK for ten minutes.
cat >>../certificate <<EOF
[ -z "\${CERT_WAIT-}" ] || sleep "\$CERT_WAIT"
EOF
git -C ../server config hsm.certMaxAge 1s
cert_refused 'a nonce that is too old, whatever git says' 'nonce is [0-9]+ s old, and 1 are allowed' \
	CERT_WAIT=3
git -C ../server config hsm.certMaxAge 10m
cert_accepted 'in time' CERT_WAIT=1
for age in soon 0 25h; do
	git -C ../server config hsm.certMaxAge $age
	cert_refused "$age is no time for it" 'hsm.certMaxAge is not a time'
done
git -C ../server config --unset hsm.certMaxAge
unset RAW_CERT

# --- signed with a token, over file:// ------------------------------------------------------
gh_key dora EC:prime256v1 dora@example.com
gh_key doras-push EC:prime256v1 dora@example.com
cert_policy <<EOF
[rule "token"]
	ref = refs/heads/token/*
	commits = signed
	signer = dora
	pushCertificate = required
[rule "pushers"]
	ref = refs/heads/pushers/*
	commits = signed
	signer = anyone
	pusher = pusher
[signer "dora"]
	email = dora@example.com
	certificate = sha256:$(gh_fp dora)
[signer "pusher"]
	certificate = sha256:$(gh_fp doras-push)
EOF
git -C ../server config hsm.pushUrl "file://$GH_WORLD/server"
git config --global gpg.x509.program "$GH_BIN/gitsign-hsm"
git config --global --unset user.signingKey
gh_use dora
git remote add file "file://$GH_WORLD/server"
gh_setup git checkout -q --orphan dora
hk_commit "dora's"
refused 'with a token: without --signed' 'pushed without' file HEAD:refs/heads/token/a
accepted 'with it' --signed file HEAD:refs/heads/token/a
refused 'by a path that is no URL of the server' 'for another repository' --signed origin \
	HEAD:refs/heads/token/b
accepted 'by a pusher key: without certificate' file HEAD:refs/heads/pushers/a
refused 'the key of commits is not the one that may push' 'by dora, who may not push here' --signed \
	file HEAD:refs/heads/pushers/b
git config hsm.pushKey "$(gh_fp doras-push)"
accepted 'hsm.pushKey is' --signed file HEAD:refs/heads/pushers/b
like 'and named' "$(said)" 'by pusher on refs/heads/pushers/b'
refused 'where the signers push it is not' 'by pusher, who may not push here' --signed file \
	HEAD:refs/heads/token/c
git config --unset hsm.pushKey
git -C ../server config --unset hsm.pushUrl
git config --global gpg.x509.program "$GH_WORLD/signer"
gh_setup git checkout -q main
cert_policy </dev/null
hk_as alice

# --- stateless -----------------------------------------------------------------------------------
git -C ../server config hsm.record off
accepted 'without a record certificates are judged as well' --signed origin main
hk_as bob
hk_commit 'five'
refused 'and refused' 'who may not push here' --signed origin main
git -C ../server config hsm.record on

# --- SHA-256 ------------------------------------------------------------------------------------
GIT_DEFAULT_HASH=sha256
export GIT_DEFAULT_HASH
cd "$GH_WORLD" || bail 'cd'
hk_server server256
git -C server256 config receive.certNonceSeed secret
gh_repo work256
cd work256 || bail 'cd work256'
git remote add origin "$GH_WORLD/server256"
hk_as alice
hk_commit 'one'
refused 'SHA-256: without --signed' 'pushed without' origin main
accepted 'SHA-256: with' --signed origin main

done_testing
