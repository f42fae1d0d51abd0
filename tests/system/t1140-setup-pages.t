#!/bin/sh
# The set-up pages, line by line, on a stand-in: SoftHSM2 with the token that the page names.
# What only the real token's tools can do (```sh token) is done for them here.
. "${GH_SRC:-tests}/system/lib.sh"
gh_world
PATH=$GH_BIN:$PATH
pages=$GH_BIN/../share/doc/gitsign-hsm/setup
plain="[user]
	name = A Person
[init]
	defaultBranch = main
[hsm]
	pinSource = file:$GH_PIN_FILE"

# blocks PAGE: NUMBER.sh, or NUMBER.token for those of the token's own tools.
blocks() {
	rm -f ./*.sh ./*.token
	awk '/^```sh/ { n++; name = sprintf("%02d.%s", n, / token$/ ? "token" : "sh"); next }
		/^```/ { name = ""; next } name != "" { print >name }' "$1"
}

answer() { # the CA's answer to request.pem, with its intermediate
	cat >ext <<-EOF
		keyUsage = critical,digitalSignature
		extendedKeyUsage = codeSigning,emailProtection
		subjectAltName = email:$1
	EOF
	gh_setup openssl x509 -req -in request.pem -CA "$GH_WORLD/ca/middle.pem" \
		-CAkey "$GH_WORLD/ca/middle.key" -CAcreateserial -days 90 -extfile ext -out leaf.pem
	cat leaf.pem "$GH_WORLD/ca/middle.pem" >answer.pem
	cp "$GH_WORLD/ca/middle.pem" intermediate.pem
}

softhsm_token() { # LABEL
	softhsm2-util --init-token --free --label "$1" --so-pin 12345678 --pin "$GH_PIN" >/dev/null
}

# The YubiKey's slot: its own tools make key, request and certificate.
ykman() {
	case "$*" in
	'piv keys generate'*)
		softhsm_token YubiKey
		gitsign-hsm key generate --module "$GH_MODULE" --token YubiKey --label 9c --id 02 >/dev/null
		;;
	'piv certificates request'*) gitsign-hsm cert request --module "$GH_MODULE" 9c >request.pem ;;
	'piv certificates import 9c '*) gitsign-hsm cert import --module "$GH_MODULE" answer.pem >/dev/null ;;
	*) return 1 ;;
	esac
}
tpm2_ptool() {
	case $1 in
	init) ;;
	addtoken) softhsm_token laptop ;;
	*) return 1 ;;
	esac
}

run_block() { # FILE
	grep -v '^sudo ' "$1" | sed "s|/opt/cloudhsm/lib/libcloudhsm_pkcs11.so|$GH_MODULE|" >block
	(
		set -e
		export PIN="$GH_PIN"
		# shellcheck disable=SC1091 # made above
		. ./block
	)
}

page() { # NAME EMAIL
	local dir f
	dir=$GH_WORLD/$1
	mkdir "$dir"
	printf '%s\n' "$plain" >"$GIT_CONFIG_GLOBAL"
	git config --global user.email "$2"
	git config --global hsm.agent off
	rm -rf "$GH_WORLD/tokens" && mkdir "$GH_WORLD/tokens"
	gh_setup git init -q "$dir"
	cd "$dir" || bail cd
	cp "$GH_WORLD/ca/root.pem" "$HOME/ca.pem"
	case $1 in
	cloud-hsm) softhsm_token hsm ;;
	build-server) softhsm_token build ;;
	esac
	blocks "$pages/$1.md"
	[ -e 01.sh ] || bail "no commands in $1.md"
	for f in ./[0-9][0-9].*; do
		ok "$1: $(grep -v '^sudo ' "$f" | head -n 1)" run_block "$f"
		if [ -e request.pem ] && [ ! -e answer.pem ]; then
			answer "$2"
		fi
	done
	is "$1: its commit is good" "$(git log -1 --format='%G?')" G
	cd "$GH_WORLD" || bail cd
}

gh_authority middle root
page yubikey dev@example.com
page tpm dev@example.com
page cloud-hsm release@example.com
page build-server build@example.com
done_testing
