#!/bin/sh
# What goes wrong gets one clear line, the right exit status, and leaves nothing
# behind: no commit without a signature, no torn object, no half a signature.
. "${GH_SRC:-tests}/system/lib.sh"
gh_world
gh_key alice EC:prime256v1 alice@example.com
gh_repo work
cd work || bail cd
gh_use alice
git config commit.gpgSign true
ok 'a first commit' git commit -q --allow-empty -m first
first=$(git rev-parse HEAD)

# fails EXIT DESCRIPTION PATTERN COMMAND...: the program itself; git after it.
printf 'payload\n' >../payload
run_signer() {
	"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$(gh_fp alice)" <../payload
}
faulty() { # EXIT DESCRIPTION PATTERN [WORDS of env...]
	local want desc pattern
	want=$1 desc=$2 pattern=$3
	shift 3
	gh_run env "$@" "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$(gh_fp alice)" <../payload
	is "$desc: exit status" "$GH_STATUS" "$want"
	is "$desc: nothing on standard output" "$(wc -c <"$GH_OUT" | tr -d ' ')" 0
	unlike "$desc: no SIG_CREATED" "$(cat "$GH_ERR")" SIG_CREATED
	like "$desc: the reason" "$(cat "$GH_ERR")" "$pattern"
	not_ok "$desc: git makes no commit" env "$@" git commit -q --allow-empty -m fault
	is "$desc: HEAD stands" "$(git rev-parse HEAD)" "$first"
}

printf '0000\n' >../wrong
chmod 600 ../wrong
git config hsm.pinSource "file:$GH_WORLD/wrong"
faulty 5 'wrong PIN' 'PIN'
git config hsm.pinSource "file:$GH_WORLD/nowhere"
faulty 5 'no PIN file' 'nowhere'
cp ../pin ../open && chmod 644 ../open
git config hsm.pinSource "file:$GH_WORLD/open"
faulty 5 'a PIN file others can read' 'chmod 600|0600'
git config hsm.pinSource 'fd:9'
faulty 5 'a descriptor that is not there' 'cannot read the PIN'
git config hsm.pinSource 'fd:1'
faulty 3 'a descriptor of git' 'pinSource'
git config hsm.pinSource 'env:PIN'
faulty 3 'a PIN source of no kind' 'pinSource'
git config --unset hsm.pinSource
ok 'the right PIN still works' git commit -q --amend --allow-empty -m first
first=$(git rev-parse HEAD)
git config hsm.pinSource prompt
exits 5 'no terminal to ask on' setsid "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$(gh_fp alice)"
like 'it says what to do' "$(cat "$GH_ERR")" 'pinSource|terminal'
git config --unset hsm.pinSource
exec 7<../pin
git config hsm.pinSource fd:7
ok 'the PIN by a descriptor' run_signer
exec 7<&-
git config --unset hsm.pinSource

git config hsm.module /nonexistent/module.so
faulty 6 'no module' '/nonexistent/module.so'
git config hsm.module "$(command -v git)"
faulty 6 'a module that is none' 'module|PKCS'
git config hsm.module relative.so
faulty 3 'a relative path' 'absolute'
git config --unset hsm.module
mv ../tokens ../tokens.away
mkdir ../tokens
faulty 6 'token gone' 'token'
rmdir ../tokens
mv ../tokens.away ../tokens
ok 'token back' run_signer

# A certificate over another key under the same id: the signature would be worth
# nothing, and is not written.
gh_keypair twin EC:prime256v1
gh_certificate twin twin@example.com
echo "$(cat ../keys/alice.id)" >../keys/twin.id
gh_store ../keys/twin.pem twin
exits 6 'certificate of another key' "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau twin@example.com <../payload
like 'is told as that' "$(cat "$GH_ERR")" 'belong'
is 'with nothing written' "$(wc -c <"$GH_OUT" | tr -d ' ')" 0

# --- pipes and disks -----------------------------------------------------------
exits 9 'standard output closed' sh -c '"$0" --status-fd=2 -bsau "$1" <../payload >&-' \
	"$GH_BIN/gitsign-hsm" "$(gh_fp alice)"
unlike 'no SIG_CREATED' "$(cat "$GH_ERR")" SIG_CREATED
if [ -w /dev/full ]; then
	exits 9 'standard output full' sh -c '"$0" --status-fd=2 -bsau "$1" <../payload >/dev/full' \
		"$GH_BIN/gitsign-hsm" "$(gh_fp alice)"
	unlike 'no SIG_CREATED either' "$(cat "$GH_ERR")" SIG_CREATED
else
	skip 'no /dev/full' 2
fi
exits 9 'reader gone' sh -c '"$0" --status-fd=2 -bsau "$1" <../payload 2>../err |
	exec 0<&-; exit 9' "$GH_BIN/gitsign-hsm" "$(gh_fp alice)"
exits 9 'a status descriptor that is closed, and ours later' sh -c \
	'"$0" --status-fd=4 -bsau "$1" <../payload 4>&-' "$GH_BIN/gitsign-hsm" "$(gh_fp alice)"
is 'nothing written' "$(wc -c <"$GH_OUT" | tr -d ' ')" 0
exits 9 'status descriptor closed' sh -c '"$0" --status-fd=8 -bsau "$1" <../payload 8>&-' \
	"$GH_BIN/gitsign-hsm" "$(gh_fp alice)"
perl -e 'print "y" x 3_000_000' >../big
ok '3 MB payload' sh -c '"$0" --status-fd=2 -bsau "$1" <../big >../big.sig' \
	"$GH_BIN/gitsign-hsm" "$(gh_fp alice)"
ok 'verifies' sh -c '"$0" --status-fd=1 --verify ../big.sig - <../big' "$GH_BIN/gitsign-hsm"
# A refusal must not stop git from writing a large payload.
not_ok '3 MB message with a wrong PIN' git -c hsm.pinSource="file:$GH_WORLD/wrong" commit -q \
	--allow-empty -F ../big
# Before 2.40 git keeps what a signer says to itself.
unlike 'git is not stopped by a broken pipe' "$(cat "$GH_ERR")" '[Pp]ipe|SIGPIPE'
like 'and tells that the signer failed' "$(cat "$GH_ERR")" 'failed to sign the data'
exits 9 'standard input closed' sh -c '"$0" --status-fd=2 -bsau "$1" <&-' \
	"$GH_BIN/gitsign-hsm" "$(gh_fp alice)"

# --- arguments ------------------------------------------------------------------
args() { # EXIT DESCRIPTION WORDS...
	local want desc
	want=$1 desc=$2
	shift 2
	gh_run "$GH_BIN/gitsign-hsm" "$@" <../payload
	is "$desc" "$GH_STATUS" "$want"
}
fp=$(gh_fp alice)
args 0 'jj: -abu' -abu "$fp"
args 0 'EGit: words after the user' -bsau "$fp" --batch --no-tty --status-fd 2 --output -
args 0 'long names' --detach-sign --armor --sign --local-user "$fp" --status-fd=2
args 0 'another order' -sbau "$fp"
args 2 'no armor' -bsu "$fp"
args 2 'attached' -sau "$fp"
args 2 'no key' -bsa
args 2 'two keys' -bsau "$fp" -u "$fp"
args 2 'unknown letter' -bsaxu "$fp"
args 2 'unknown word' --encrypt -bsau "$fp"
args 2 'to a file' -bsau "$fp" --output sig
args 2 'signing and verifying' -bsau "$fp" --verify a b
args 2 'verify without data' --verify a
args 2 'a descriptor that is no number' --status-fd=x -bsau "$fp"
args 2 'nothing to do' --armor
args 0 'version' --version
args 0 'help' --help
args 2 'no such verb' frobnicate

args 9 'no file of a signature' --verify nowhere -
like 'it is named' "$(cat "$GH_ERR")" 'cannot open nowhere: No such file'
args 9 'no signed data' --verify ../payload nowhere
like 'it is named' "$(cat "$GH_ERR")" 'cannot open the signed data nowhere: No such file'

# --- signatures that are none ------------------------------------------------------
run_signer >../good.sig 2>/dev/null
bad() { # DESCRIPTION: ../bad.sig must be refused, quickly, in an orderly way
	gh_run timeout 10 "$GH_BIN/gitsign-hsm" --status-fd=1 --verify ../bad.sig - <../payload
	is "$1: exit status" "$GH_STATUS" "${2:-1}"
	unlike "$1: not good" "$(cat "$GH_OUT")" 'GOODSIG|TRUST_|VALIDSIG'
	is "$1: one verdict" "$(grep -cE '^\[GNUPG:\] (BADSIG|ERRSIG) ' "$GH_OUT")" 1
}
: >../bad.sig && bad empty
head -c 300 ../good.sig >../bad.sig && bad truncated
sed '$d' ../good.sig >../bad.sig && bad 'no END'
(cat ../good.sig; echo trailing) >../bad.sig && bad 'text behind'
(echo; cat ../good.sig) >../bad.sig && bad 'blank line before'
cat ../good.sig ../good.sig >../bad.sig && bad 'twice'
sed '3s/^./*/' ../good.sig >../bad.sig && bad 'not base64'
sed 's/SIGNED MESSAGE/PKCS7/' ../good.sig >../bad.sig && bad 'another label'
(echo '-----BEGIN SIGNED MESSAGE-----'; head -c 900 /dev/urandom | openssl base64
	echo '-----END SIGNED MESSAGE-----') >../bad.sig && bad 'random bytes'
cp /dev/null ../bad.sig && head -c 5000000 /dev/zero >../bad.sig && bad '5 MB of nothing' 8
rm ../bad.sig && bad 'no file' 9
# 10,000 certificates in one.
sed '/^-----/d' ../good.sig | openssl base64 -d >../good.der
perl -e '
	open my $f, "<:raw", $ARGV[0]; local $/; my $cert = <$f>;
	sub len { my $n = shift; $n < 128 ? chr $n : $n < 65536 ? pack("Cn", 130, $n)
		: pack("CN", 132, $n) }
	my $bag = $cert x 10000;
	my $sd = "\x02\x01\x01\x31\x00\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01" .
		"\xa0" . len(length $bag) . $bag . "\x31\x00";
	$sd = "\x30" . len(length $sd) . $sd;
	$sd = "\xa0" . len(length $sd) . $sd;
	$sd = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" . $sd;
	print "\x30" . len(length $sd) . $sd' "$GH_WORLD/keys/store.der" |
	openssl base64 >../many.b64
(echo '-----BEGIN SIGNED MESSAGE-----'; cat ../many.b64; echo '-----END SIGNED MESSAGE-----') >../bad.sig
size=$(wc -c <../bad.sig)
if [ "$size" -gt 4194304 ]; then bad '10,000 certificates' 8; else bad '10,000 certificates'; fi

# --- a module that fails in every way ------------------------------------------------
if [ ! -f "$GH_TOOLS/mock-p11.so" ]; then
	skip 'no mock module built'
	done_testing
	exit
fi
openssl ecparam -name prime256v1 -genkey -noout -out ../mock.key
openssl pkey -in ../mock.key -pubout -out ../keys/mock.pub
gh_certificate mock alice@example.com
export MOCK_P11_KEY="$GH_WORLD/mock.key" MOCK_P11_CERT="$GH_WORLD/keys/mock.pem"
export MOCK_P11_LOG="$GH_WORLD/mock.log"
git config hsm.module "$GH_TOOLS/mock-p11.so"
gh_fp_alice=$(gh_fp mock)
gh_fp() { echo "$gh_fp_alice"; }
git config user.signingKey "$gh_fp_alice"
git config --global --unset hsm.key
ok 'the mock signs when nothing is wrong' env MOCK_P11= git commit -q --allow-empty -m mock
is 'and it is good' "$(git log -1 --format='%G?')" G
calls() { grep -c "^$1\$" "$MOCK_P11_LOG" 2>/dev/null || :; }

# What a module prints, wherever it does, reaches nobody.
for f in C_GetFunctionList C_Initialize C_GetSlotList C_GetTokenInfo C_Login C_FindObjects C_Sign \
	C_Logout C_Finalize; do
	ok "prints in $f" env MOCK_P11="$f=print" git commit -q --allow-empty -m prints
	is "prints in $f: good" "$(git log -1 --format='%G?')" G
done
ok 'prints at the end' env MOCK_P11=exit-print git commit -q --allow-empty -m prints
ok 'and git log still works' git log --format='%G?'
gh_run env MOCK_P11=C_Sign=print,C_Finalize=print,exit-print \
	"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$gh_fp_alice" <../payload
is 'the status is ours alone' "$(grep -cv '^\[GNUPG:\] \(BEGIN_SIGNING H8\|SIG_CREATED D 19 8 .*\)$' "$GH_ERR")" 0
for v in 'key list' doctor; do
	# shellcheck disable=SC2086 # two words
	gh_run env MOCK_P11=C_FindObjects=print,C_Finalize=print,exit-print "$GH_BIN/gitsign-hsm" $v
	unlike "$v shows nothing of it" "$(cat "$GH_OUT" "$GH_ERR")" 'GOODSIG|warning'
done

# A child that it leaves behind must not keep git waiting.
: >"$MOCK_P11_LOG"
ok 'leaves a child' timeout 60 env MOCK_P11=C_Initialize=fork git commit -q --allow-empty -m child
is 'and is good' "$(git log -1 --format='%G?')" G
kill "$(sed -n 's/^child //p' "$MOCK_P11_LOG" | head -n 1)"
ok 'hangs when it goes' timeout 60 env MOCK_P11=exit-hang git commit -q --allow-empty -m hang
ok 'crashes when it goes' env MOCK_P11=exit-crash git commit -q --allow-empty -m crash
ok 'slots that grow while listed' env MOCK_P11=slots-grow git commit -q --allow-empty -m grows
ok 'slots beyond what was asked for' env MOCK_P11=slots-lie git commit -q --allow-empty -m lies
ok 'no login needed' env MOCK_P11=pin-none git commit -q --allow-empty -m none
ok 'a PIN pad' env MOCK_P11=pin-pad git commit -q --allow-empty -m pad
ok 'locking that the module does not have' env MOCK_P11=cant-lock git commit -q --allow-empty -m lock
ended() { # WORDS: how often a signature ends the module
	: >"$MOCK_P11_LOG"
	gh_run env MOCK_P11="$1" git commit -q --allow-empty -m init
	echo "$GH_STATUS $(calls C_Finalize)"
}
is 'initialized by us: it is ended' "$(ended '')" '0 1'
is 'initialized by somebody else: it is left alone' "$(ended initialized)" '0 0'
ok 'one session at a time' env MOCK_P11=sessions-1 git commit -q --allow-empty -m one
ok 'an unknown attribute spoils the others' env MOCK_P11=attribute-picky git commit -q \
	--allow-empty -m picky
ok 'a CKA_ID of 300 bytes' env MOCK_P11=id-long git commit -q --allow-empty -m long
ok 'no session that could write' env MOCK_P11=read-only git commit -q --allow-empty -m read
ok 'a PIN that is read as a string' env MOCK_P11="pin-nul,pin=$GH_PIN" git commit -q --allow-empty -m nul
ok 'a certificate whose CKA_ID is not the key'\''s' env MOCK_P11=cert-apart git commit -q \
	--allow-empty -m apart
is 'and it is good' "$(git log -1 --format='%G? %s')" 'G apart'
exits 4 'where that key is not there' env MOCK_P11=cert-apart,key-hidden \
	"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$gh_fp_alice" <../payload
exits 4 'or its public half not to be read' env MOCK_P11=cert-apart,made-hidden \
	"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$gh_fp_alice" <../payload
like 'it says what is missing' "$(cat "$GH_ERR")" 'no private key that belongs to it'
ok 'nothing is seen before the login' env MOCK_P11=login-first git commit -q --allow-empty -m shy
exits 5 'and not with a PIN that is refused' env MOCK_P11=login-first,C_Login=0xa0 \
	"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$gh_fp_alice" <../payload
exits 6 'no session is left' env MOCK_P11=C_OpenSession=0xb1 \
	"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$gh_fp_alice" <../payload
like 'is told' "$(cat "$GH_ERR")" 'C_OpenSession failed: CKR_SESSION_COUNT'
ok 'a label with control bytes' env MOCK_P11=label-junk git commit -q --allow-empty -m junk
first=$(git rev-parse HEAD)
gh_run env MOCK_P11=label-junk "$GH_BIN/gitsign-hsm" key list
like 'which are shown as others' "$(cat "$GH_OUT")" 'token "mo\?k\?\["'

faulty 6 'init fails' 'C_Initialize failed: CKR_GENERAL_ERROR' MOCK_P11=C_Initialize=0x5
faulty 6 'no list of functions' 'version 2 or 3' MOCK_P11=no-list
faulty 6 'version 9' 'version 2 or 3' MOCK_P11=version-9
faulty 6 'no slots' 'sees no token' MOCK_P11=no-slots
faulty 6 'too many slots' 'C_GetSlotList failed' MOCK_P11=slots-many
for f in C_Initialize C_Finalize C_GetSlotList C_GetTokenInfo C_OpenSession C_CloseSession C_Login \
	C_Logout C_FindObjectsInit C_FindObjects C_FindObjectsFinal C_GetAttributeValue C_SignInit \
	C_Sign; do
	exits 6 "no $f" env MOCK_P11="$f=null" "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau \
		"$gh_fp_alice" <../payload
	like "no $f: told" "$(cat "$GH_ERR")" "has no $f"
done

once() { # EXIT DESCRIPTION PATTERN FAULT LOGINS
	: >"$MOCK_P11_LOG"
	gh_run env "MOCK_P11=$4" "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$gh_fp_alice" <../payload
	is "$2: exit status" "$GH_STATUS" "$1"
	is "$2: logins" "$(calls C_Login)" "$5"
	like "$2: told" "$(cat "$GH_ERR")" "$3"
}
once 5 'a wrong PIN' 'not tried again' C_Login=0xa0 1
once 5 'a PIN that became locked' 'locked' C_Login=0xa4 1
once 5 'a PIN of a wrong length' 'too short or too long' C_Login=0xa2 1
once 5 'an expired PIN' 'has to be changed' C_Login=0xa3 1
once 6 'login, device removed' 'CKR_DEVICE_REMOVED: plug' C_Login=0x32 1
once 5 'a locked PIN is not sent' 'locked' pin-locked 0
once 5 'a stored PIN is not sent at the last try' 'stored PIN is not sent' pin-final 0
once 0 'a low count does not stop it' SIG_CREATED pin-low 1
once 0 'logged in already' SIG_CREATED C_Login=0x100 1
once 0 'attributes only into room of their length' SIG_CREATED attribute-exact 1

faulty 6 'find fails' 'C_FindObjects failed: CKR_DEVICE_ERROR' MOCK_P11=C_FindObjects=0x30
faulty 6 'reading fails without a reason' 'CKR_FUNCTION_FAILED' MOCK_P11=C_GetAttributeValue=0x6
faulty 4 'no certificate' 'no certificate' MOCK_P11=cert-none
faulty 4 'a certificate of absurd length' 'no certificate' MOCK_P11=cert-huge
faulty 4 'a certificate that grows' 'no certificate' MOCK_P11=cert-lies
faulty 4 'one that grows when its length was asked for' 'no certificate' \
	MOCK_P11=cert-lies,attribute-exact
faulty 4 'a certificate that is not shown is as good as none' 'no certificate' MOCK_P11=cert-locked
faulty 4 'a certificate of garbage' 'no key' MOCK_P11=cert-garbage
faulty 4 'key hidden' 'no private key' MOCK_P11=key-hidden
faulty 4 'two keys by one id' '2 private keys' MOCK_P11=key-twice
faulty 6 'thousands of keys by one id' 'more than 63 objects' MOCK_P11=keys-many
for c in 0x5:CKR_GENERAL_ERROR 0x30:CKR_DEVICE_ERROR 0x31:CKR_DEVICE_MEMORY \
	0x32:CKR_DEVICE_REMOVED 0x50:CKR_FUNCTION_CANCELED 0x200:CKR_FUNCTION_REJECTED \
	0xe0:CKR_TOKEN_NOT_PRESENT 0xb3:CKR_SESSION_HANDLE_INVALID 0x80000001:vendor 0x7777:0x7777; do
	exits 6 "C_Sign gives ${c#*:}" env MOCK_P11="C_Sign=${c%:*}" \
		"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$gh_fp_alice" <../payload
	like "C_Sign gives ${c#*:}: told" "$(cat "$GH_ERR")" "C_Sign failed: .*${c#*:}"
	is "C_Sign gives ${c#*:}: nothing written" "$(wc -c <"$GH_OUT" | tr -d ' ')" 0
done
exits 4 'the key may not sign' env MOCK_P11=C_SignInit=0x68 \
	"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$gh_fp_alice" <../payload
exits 5 'a PIN for each signature' env MOCK_P11=C_Sign=0x101 \
	"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$gh_fp_alice" <../payload
like 'is told' "$(cat "$GH_ERR")" 'CKA_ALWAYS_AUTHENTICATE'
for f in each-time each-time-declared each-time-refused; do
	: >"$MOCK_P11_LOG"
	ok "$f" env MOCK_P11="$f" \
		"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$gh_fp_alice" <../payload
	is "$f: the PIN went there twice" "$(grep -c C_Login "$MOCK_P11_LOG")" 2
done
faulty 6 'garbage signature' 'does not verify' MOCK_P11=sign-garbage
faulty 6 'short signature' '63 bytes' MOCK_P11=sign-short
faulty 6 'long signature' '65 bytes' MOCK_P11=sign-long
faulty 6 'a length beyond the room' '2147483647 bytes' MOCK_P11=sign-lies
faulty 6 'zero signature' 'no ECDSA signature' MOCK_P11=sign-zero
# All at once, as each waits for its deadline: errors and status in ../hung.FUNCTION.
hangs() {
	local rc=0
	GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=hsm.timeout GIT_CONFIG_VALUE_0=3 MOCK_P11="$1=hang" timeout 60 \
		"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$gh_fp_alice" <../payload >/dev/null \
		2>"../hung.$1" || rc=$?
	echo "$rc" >>"../hung.$1"
}
pids=
for f in C_Initialize C_GetSlotList C_OpenSession C_Login C_FindObjects C_GetAttributeValue \
	C_SignInit C_Sign C_Logout C_CloseSession C_Finalize; do
	hangs "$f" &
	pids="$pids $!"
done
for p in $pids; do wait "$p"; done
for f in ../hung.*; do
	f=${f##*.}
	is "hangs in $f" "$(tail -n 1 "../hung.$f")" 6
	like "hangs in $f: told" "$(cat "../hung.$f")" "did not answer within 3 seconds \\($f\\)"
	unlike "hangs in $f: no SIG_CREATED" "$(cat "../hung.$f")" SIG_CREATED
done
git config hsm.timeout 3
faulty 6 'hangs as it is loaded' 'dlopen' MOCK_P11=load-hang
not_ok 'a module that crashes: no commit' env MOCK_P11=C_Sign=crash git commit -q --allow-empty -m crash
not_ok 'a module that exits with 0: no commit' env MOCK_P11=C_Sign=exit git commit -q --allow-empty -m exit
is 'HEAD stands' "$(git rev-parse HEAD)" "$first"
ok 'nothing broken is in the repository' git fsck --strict
done_testing
