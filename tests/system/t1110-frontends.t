#!/bin/sh
# The command lines of callers other than git: jj, JGit and EGit, editors, GPGME. What would
# change the meaning is refused, not passed over.
. "${GH_SRC:-tests}/system/lib.sh"
gh_world
gh_key alice EC:prime256v1 alice@example.com
gh_key tls EC:prime256v1 tls@example.com extendedKeyUsage=serverAuth
fp=$(gh_fp alice)
printf 'tree %040d\nauthor A <a@example.com> 1 +0000\ncommitter A <a@example.com> 1 +0000\n\nx\n' \
	0 >payload
run() {
	"$GH_BIN/gitsign-hsm" "$@" <payload
}
signs() { # DESCRIPTION WORDS...
	local desc
	desc=$1
	shift
	ok "$desc" run "$@"
	cp "$GH_OUT" sig
	ok "$desc: it verifies" run --status-fd=1 --verify sig payload
}
refused() { # DESCRIPTION WORDS...
	local desc
	desc=$1
	shift
	exits 2 "$desc" run "$@"
	is "$desc: nothing is written" "$(wc -c <"$GH_OUT" | tr -d ' ')" 0
}

signs git --status-fd=2 -bsau "$fp"
signs 'jj: no -s, no status' -abu "$fp"
signs 'another order' -sbau "$fp"
signs 'letters apart' -b -s -a -u "$fp"
signs 'the value in the word' -bsa "-u$fp"
signs 'long names' --detach-sign --sign --armor --local-user "$fp"
signs 'long names with =' --detach-sign --armor "--local-user=$fp"
signs 'JGit' -bsau "<alice@example.com>" --batch --no-tty --status-fd 2 --output -
like 'JGit: status as two words' "$(cat "$GH_ERR"; run -bsau "$fp" --status-fd 2 2>&1 >/dev/null)" 'SIG_CREATED'
signs 'editors' --batch --no-tty --pinentry-mode loopback --status-fd=2 -bsau "$fp"
signs 'wrappers' --no-greeting --no-secmem-warning --use-agent --yes -q -bsau "$fp"

refused 'into a file' -bsau "$fp" --output out.sig
ok 'no file came of it' test ! -e out.sig
refused 'not detached' -sau "$fp"
refused 'not armored' -bsu "$fp"
refused 'no key' -bsa
refused 'two keys' -bsau "$fp" -u "$fp"
refused 'a clear-text signature' --clearsign -u "$fp"
refused 'encryption' --encrypt -r "$fp"
refused 'a digest' --digest-algo SHA1 -bsau "$fp"
refused 'a signer to be demanded' --assert-signer "$fp" --verify sig payload
refused 'another trust model' --trust-model always --verify sig payload
refused 'signing and verifying' -bsau "$fp" --verify sig payload
refused 'signing and listing' -bsau "$fp" -K
refused 'a descriptor beyond all' --status-fd=4294967298 -bsau "$fp"
# shellcheck disable=SC2046 # words
refused 'words without end' -K $(seq 1 5000)
refused 'a file to sign' -bsau "$fp" payload
refused 'a value for an option without one' --batch=yes -bsau "$fp"
refused 'nothing' --batch

ok 'verify, data as a file' run --status-fd=1 --verify sig payload
ok 'verify, data on standard input' run --status-fd=1 --verify sig -
echo more >>payload
exits 1 'verify, other data' run --status-fd=1 --verify sig payload
refused 'verify, no data' --verify sig
refused 'verify, too much' --verify sig payload more
ok '--version' run --version
like '--version: GPGME looks for a number' "$(cat "$GH_OUT")" '^gitsign-hsm [0-9]+\.[0-9]'

# JGit asks for a line "crs" whose 12th field has an s.
capable() { # KEY
	run --list-secret-keys --with-colons --batch --no-tty "$1" >list 2>"$GH_ERR" &&
		awk -F: '$1 == "crs" && $12 ~ /s/ { found = 1 } END { exit !found }' list
}
ok 'a key that signs' capable alice@example.com
ok 'by its fingerprint' capable "$fp"
not_ok 'one that does not' capable tls@example.com
not_ok 'one that is not there' capable bob@example.com
ok '--locate-keys' run --locate-keys --with-colons --batch --no-tty "$fp"
like 'the certificate' "$(cat "$GH_OUT")" '^crt:u:256:19:'
like 'its fingerprint' "$(cat "$GH_OUT")" "^fpr:::::::::$(gh_fp alice sha1 | tr a-f A-F):"
like 'its address' "$(cat "$GH_OUT")" '^uid:u::::::::<alice@example.com>:'
exits 4 'a key that nobody has' run --locate-keys --with-colons bob@example.com
ok '-K' run -K
like 'is key list' "$(cat "$GH_OUT")" 'can sign +yes'
done_testing
