#!/bin/sh
# Attacks with push certificates (git push --signed), by a client of our own.
#
# shellcheck disable=SC2154,SC2034 # $zero, $one, $two come from lib.sh
. "${GH_SRC:-tests}/attack/lib.sh"

hk_rules() {
	cat <<-EOF2
		[rule "main"]
			ref = refs/heads/main
			signer = alice
		[rule "wanted"]
			ref = refs/heads/wanted/*
			signer = alice
			keylessUpdate = allow
			pushCertificate = required
		[rule "free"]
			ref = refs/heads/free/*
			signer = anyone
			rewind = allow
			keylessUpdate = allow
		[rule "bobs"]
			ref = refs/heads/bobs/*
			signer = alice
			pusher = bob
			keylessUpdate = allow
	EOF2
}
attack_world
git -C ../server config receive.certNonceSeed secret
git -C ../server config receive.certNonceSlop 600
git -C ../server config receive.advertisePushOptions true

# certificate NONCE: what RAW_CERT runs. CERT_COMMANDS are signed by CERT_BY (alice);
# CERT_ODD is a perl expression over the text before it is signed, CERT_BENT one over the
# whole behind it.
cat >"$GH_WORLD/certificate" <<CERT
#!/bin/sh
keys=$GH_WORLD/keys
export OPENSSL_CONF=/dev/null
{
	printf 'certificate version 0.1\npusher %s %s +0000\n' "\${CERT_PUSHER-alice}" "\$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')"
	[ -z "\${CERT_PUSHEE-}" ] || echo "pushee \$CERT_PUSHEE"
	echo "nonce \${CERT_NONCE-\$1}"
	[ -z "\${CERT_OPTION-}" ] || echo "push-option \$CERT_OPTION"
	printf '\n%s\n' "\$CERT_COMMANDS"
} | perl -0777 -pe "\${CERT_ODD-}" >"$GH_WORLD/cert.text"
[ -z "\${CERT_AGAIN-}" ] || cp "\$CERT_AGAIN" "$GH_WORLD/cert.text"
"$GH_TOOLS/cms-tool" sign "\$keys/\${CERT_BY-alice}.key" "\$keys/\${CERT_BY-alice}.pem" \\
	<"$GH_WORLD/cert.text" >"$GH_WORLD/cert.armor"
[ -z "\${CERT_SSH-}" ] || {
	rm -f "$GH_WORLD/cert.text.sig"
	ssh-keygen -q -Y sign -n git -f "\$CERT_SSH" "$GH_WORLD/cert.text"
	cp "$GH_WORLD/cert.text.sig" "$GH_WORLD/cert.armor"
}
cat "$GH_WORLD/cert.text" "$GH_WORLD/cert.armor" | perl -0777 -pe "\${CERT_BENT-}"
CERT
chmod 755 "$GH_WORLD/certificate"

# signed_push [NAME=VALUE...] [COMMAND...]: the certificate's commands and these beside it.
signed_push() (
	while case ${1-} in CERT_*=* | RAW_*=*) true ;; *) false ;; esac do
		# shellcheck disable=SC2163 # a whole assignment
		export "$1"
		shift
	done
	RAW_CERT=$GH_WORLD/certificate
	export RAW_CERT CERT_COMMANDS
	exec perl "$GH_SRC/system/raw-push.pl" "$GH_WORLD/server" "$@"
)
# to_free: CERT_COMMANDS for a new branch of the free rule; one name for each call.
names=0
to_free() {
	names=$((names + 1))
	CERT_COMMANDS="$zero $two refs/heads/free/x$names"
}

case_33a() {
	to_free
	attack signed_push "$zero $one refs/heads/free/ride"
	attack signed_push RAW_AFTER=1 "$zero $one refs/heads/free/ride"
	attack signed_push RAW_AFTER=1 "$zero $one refs/heads/wanted/ride"
	twin signed_push
}
# hook_alone CERTIFICATE-BLOB LINE...: the hook as git would run it.
hook_alone() (
	cd ../server || exit 1
	blob=$1
	shift
	printf '%s\n' "$@" | GIT_DIR=. GIT_PUSH_CERT=$blob GIT_PUSH_CERT_NONCE_STATUS=OK hooks/pre-receive
)
case_33b() {
	a="$zero $one refs/heads/free/a"
	b="$zero $one refs/heads/free/b"
	CERT_COMMANDS="$a
$b"
	export CERT_COMMANDS
	blob=$(../certificate "$(date +%s)-0123" | git -C ../server hash-object -w --stdin)
	attack hook_alone "$blob" "$a"
	attack hook_alone "$blob" "$b" "$a"
	twin hook_alone "$blob" "$a" "$b"
}
case_34a() {
	ssh-keygen -q -t ed25519 -N '' -f ../unknown
	: >../allowed
	git -C ../server config gpg.ssh.allowedSignersFile "$GH_WORLD/allowed"
	to_free
	attack signed_push CERT_SSH="$GH_WORLD/unknown"
	twin signed_push
}
case_35a() {
	to_free
	attack signed_push CERT_BY=mallory
	gh_authority other
	hk_key stranger alice@example.com
	GH_CA=root
	attack signed_push CERT_BY=stranger
	twin signed_push
}
case_36a() {
	to_free
	gh_setup signed_push RAW_STATELESS=1 RAW_SAVE="$GH_WORLD/request"
	gh_setup git -C ../server update-ref -d "refs/heads/free/x$names"
	attack signed_push RAW_STATELESS=1 RAW_SEND="$GH_WORLD/request"
	twin signed_push RAW_STATELESS=1
}
case_36b() {
	to_free
	gh_setup signed_push RAW_STATELESS=1
	cp ../cert.text ../again
	gh_setup git -C ../server update-ref -d "refs/heads/free/x$names"
	attack signed_push RAW_STATELESS=1 CERT_AGAIN="$GH_WORLD/again"
	twin signed_push RAW_STATELESS=1
}
# at SECONDS COMMAND...: git, the hook and all else think that it is so much later.
at() (
	export LD_PRELOAD="$GH_TOOLS/clock.so" GH_CLOCK="$1" ASAN_OPTIONS=verify_asan_link_order=0
	shift
	"$@"
)
# forgotten SECONDS: a request that was good, and one so much later, when the hook forgets it.
forgotten() {
	to_free
	first=refs/heads/free/x$names
	gh_setup signed_push RAW_STATELESS=1 RAW_SAVE="$GH_WORLD/request"
	to_free
	gh_setup at "$1" signed_push RAW_STATELESS=1
	gh_setup git -C ../server update-ref -d "$first"
	to_free
}
case_36c() {
	forgotten 3600
	git -C ../server config hsm.certMaxAge 24h
	attack at 3600 signed_push RAW_STATELESS=1 RAW_SEND="$GH_WORLD/request"
	twin at 3600 signed_push RAW_STATELESS=1
}
case_36d() {
	forgotten 86400
	was=$(date +%s)
	gh_setup git -C ../server config hsm.clockReset "$(grep -c ' p ' ../server/gitsign-hsm/record)"
	attack signed_push RAW_STATELESS=1 RAW_SEND="$GH_WORLD/request"
	# A nonce of the very second in which the forgotten one was issued is not newer.
	while [ "$(date +%s)" -le "$was" ]; do sleep 0.1; done
	twin signed_push RAW_STATELESS=1
}
case_37a() {
	to_free
	attack signed_push CERT_NONCE=1700000000-0123456789012345678901234567890123456789
	attack signed_push CERT_NONCE=x
	attack signed_push 'CERT_ODD=s/nonce .*\n//'
	twin signed_push
}
case_37b() {
	git -C ../server config --unset receive.certNonceSeed
	CERT_COMMANDS="$zero $two refs/heads/wanted/a"
	attack raw "$CERT_COMMANDS"
	export CERT_COMMANDS
	blob=$(../certificate "$(date +%s)-0123" | git -C ../server hash-object -w --stdin)
	unsolicited() (
		cd ../server || exit 1
		echo "$CERT_COMMANDS" | GIT_DIR=. GIT_PUSH_CERT=$blob GIT_PUSH_CERT_NONCE_STATUS=UNSOLICITED \
			hooks/pre-receive
	)
	attack unsolicited
	git -C ../server config receive.certNonceSeed secret
	twin signed_push
}
case_38a() {
	git -C ../server config --add hsm.pushUrl https://git.example.com/project.git
	to_free
	attack signed_push CERT_PUSHEE=https://git.example.com/other.git
	attack signed_push CERT_PUSHEE=https://git.example.com.evil.org/project.git
	attack signed_push
	twin signed_push CERT_PUSHEE=https://git.example.com/project.git
}
case_39a() {
	git -C ../server config hsm.certMaxAge 1s
	to_free
	printf '#!/bin/sh\nsleep 3\nexec %s/certificate "$@"\n' "$GH_WORLD" >../late
	chmod 755 ../late
	late() (
		export CERT_COMMANDS RAW_CERT="$GH_WORLD/late" RAW_STATELESS=1
		exec perl "$GH_SRC/system/raw-push.pl" "$GH_WORLD/server"
	)
	attack late
	git -C ../server config hsm.certMaxAge 10m
	twin late
}
case_39b() {
	git -C ../server config receive.certNonceSlop 90000
	to_free
	mv ../server/hooks/pre-receive ../hook
	gh_setup at 7200 signed_push RAW_STATELESS=1 RAW_SAVE="$GH_WORLD/request"
	mv ../hook ../server/hooks/pre-receive
	gh_setup git -C ../server update-ref -d "refs/heads/free/x$names"
	attack signed_push RAW_STATELESS=1 RAW_SEND="$GH_WORLD/request"
	to_free
	twin signed_push RAW_STATELESS=1
}
case_40a() {
	to_free
	attack signed_push RAW_CERTS=2
	twin signed_push
}
case_41a() {
	to_free
	attack signed_push 'CERT_BENT=s/\+0000/+0100/'
	attack signed_push "CERT_BENT=s/$two/$one/"
	attack signed_push 'CERT_BENT=s/pusher alice/pusher bobby/'
	twin signed_push
}
case_42a() {
	to_free
	printf 'ci.skip\0' >../options
	attack signed_push RAW_OPTIONS="$GH_WORLD/options"
	attack signed_push CERT_OPTION=ci.skip
	printf 'ci.skip\0more\0' >../options
	attack signed_push CERT_OPTION=ci.skip RAW_OPTIONS="$GH_WORLD/options"
	printf 'ci.skip\0' >../options
	twin signed_push CERT_OPTION=ci.skip RAW_OPTIONS="$GH_WORLD/options"
}
case_44a() {
	CERT_COMMANDS="$zero $two refs/heads/bobs/a"
	attack signed_push CERT_PUSHER=bob
	CERT_COMMANDS="$zero $two refs/heads/wanted/a"
	attack signed_push CERT_BY=bob CERT_PUSHER=alice
	twin signed_push CERT_PUSHER=mallory
}
case_45a() {
	to_free
	for e in 's/(nonce .*\n)/$1$1/' 's/(pusher .*\n)/$1$1/' 's/(nonce .*\n)/$1x y\n/' \
		's/version 0.1/version 0.2/' 's/\A/x y\n/' 's/0.1\n/0.1\r\n/' 's/pusher alice/pusher al\0ice/' \
		's/pusher alice/pusher al\033[2Jice/'; do
		attack signed_push "CERT_ODD=$e"
	done
	attack signed_push 'CERT_BENT=s/\z/more\n/'
	twin signed_push
}
case_45b() {
	CERT_COMMANDS="$one $two refs/heads/main"
	attack signed_push
	CERT_COMMANDS="$zero $one refs/heads/main"
	attack signed_push
	hk_commit 'three'
	CERT_COMMANDS="$two $(git rev-parse HEAD) refs/heads/main"
	twin signed_push
}
case_145a() {
	to_free
	attack signed_push 'CERT_PUSHER=pkcs11:token=world?pin-value=1234'
	attack signed_push 'CERT_PUSHER=PKCS11:token=world?pin-value=1234'
	twin signed_push 'CERT_PUSHER=pkcs11:token=world;id=%01'
}
case_132a() {
	attack push HEAD:refs/heads/wanted/a
	web() { GL_PROTOCOL=web raw "$@"; }
	attack web "$zero $two refs/heads/wanted/a"
	twin push --signed HEAD:refs/heads/wanted/a
}
case_133a() {
	to_free
	cp ../keys/alice.key ../keys/old.key
	gh_setup openssl x509 -new -force_pubkey ../keys/alice.pub -subj /CN=alice -CA ../ca/root.pem \
		-CAkey ../ca/root.key -set_serial 0x77 -days -1 -extfile ../keys/alice.ext -out ../keys/old.pem
	attack signed_push CERT_BY=old
	cp ../policy ../policy.good
	printf '[revoked "x"]\n\tcertificate = sha256:%s\n' "$(gh_fp bob)" >>../policy
	attack signed_push CERT_BY=bob
	cp ../policy.good ../policy
	twin signed_push CERT_BY=bob
}

attack_run
