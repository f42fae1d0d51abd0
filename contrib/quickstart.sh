#!/bin/sh
# quickstart.sh: shows the whole way, from a key in a token to a push that is
# refused, with stock git, in a temporary directory with a HOME of its own.
# Nothing of yours is read or changed. KEEP=1 leaves the directory there.
#
# Fails when something that has to be refused gets in.
set -eu
umask 022

cd "$(dirname "$0")/.."
src=$(pwd)
start=$(date +%s)

# --- talking -----------------------------------------------------------------
step=0
head_line() {
	step=$((step + 1))
	printf '\n%s. %s\n' "$step" "$*"
}
# run COMMAND...: shows the command and what it says.
run() {
	printf '   $ %s\n' "$(printf '%s ' "$@" | sed "s|$src/||g; s|$dir|\$DEMO|g; s/ \$//")"
	"$@" >"$dir/out" 2>&1 || {
		shown
		die "this had to work: $1 ${2-}"
	}
	shown
}
# refused PATTERN COMMAND...: it has to fail, and say so.
refused() {
	pattern=$1
	shift
	printf '   $ %s\n' "$(printf '%s ' "$@" | sed "s|$dir|\$DEMO|g; s/ \$//")"
	if "$@" >"$dir/out" 2>&1; then
		shown
		die "THIS WAS LET IN, and must never be"
	fi
	shown
	grep -Eq -- "$pattern" "$dir/out" || die "it failed, but not by the hook's word ($pattern)"
}
shown() {
	sed -e "s|$dir|\$DEMO|g" -e 's/^/     /' -e 's/ *$//' "$dir/out"
}
quiet() {
	"$@" >"$dir/out" 2>&1 && return
	shown
	die "this had to work: $1 ${2-}"
}
die() {
	printf '\nquickstart: FAILED: %s\n' "$*" >&2
	exit 1
}

# --- a world of its own --------------------------------------------------------
dir=$(mktemp -d "${TMPDIR:-/tmp}/gitsign-hsm-demo.XXXXXX")
dir=$(cd "$dir" && pwd -P)
finish() {
	rc=$?
	trap - EXIT INT TERM HUP
	cd /
	gitsign-hsm agent stop >/dev/null 2>&1 || :
	[ -n "${KEEP-}" ] || rm -rf "$dir"
	exit "$rc"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

for v in $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\|GITSIGN_HSM_[A-Za-z0-9_]*\)=.*/\1/p'); do
	unset "$v"
done
unset XDG_CONFIG_HOME OPENSSL_CONF SOFTHSM2_CONF || :
HOME=$dir/home
GIT_CONFIG_NOSYSTEM=1
GIT_TERMINAL_PROMPT=0
SOFTHSM2_CONF=$dir/softhsm2.conf
LC_ALL=C
# An agent of its own: the one that may be running knows nothing of this token.
XDG_RUNTIME_DIR=$dir/run
export HOME GIT_CONFIG_NOSYSTEM GIT_TERMINAL_PROMPT SOFTHSM2_CONF LC_ALL XDG_RUNTIME_DIR
mkdir "$HOME" "$dir/tokens"
mkdir -m 700 "$XDG_RUNTIME_DIR"

printf 'gitsign-hsm: sign with a key in a token, refuse what is not signed.\n'
echo "All of it happens in $dir (\$DEMO below), with a HOME of its own."

# --- 1 build ---------------------------------------------------------------------
head_line "Build"
make -s -j2 all >"$dir/out" 2>&1 || {
	shown
	die "the build failed"
}
PATH=$src/build/bin:$PATH
export PATH
run gitsign-hsm --version

# --- 2 token, key, certificate -----------------------------------------------------
head_line "A token (SoftHSM stands in for yours), a key that is made in it, a demonstration CA"
module=
for m in /usr/lib/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so \
	/usr/lib/*/softhsm/libsofthsm2.so /usr/local/lib/softhsm/libsofthsm2.so; do
	[ -n "$module" ] || [ ! -f "$m" ] || module=$m
done
[ -n "$module" ] || die "SoftHSM's module is not found: make deps"
cat >"$SOFTHSM2_CONF" <<EOF
directories.tokendir = $dir/tokens
objectstore.backend = file
log.level = ERROR
EOF
pin=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
so_pin=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
(umask 077 && printf '%s\n' "$pin" >"$dir/pin")
quiet softhsm2-util --init-token --free --label demo --so-pin "$so_pin" --pin "$pin"

p11() {
	pkcs11-tool --module "$module" --token-label demo --login --pin "$pin" "$@"
}
# authority FILE NAME
authority() {
	cat >"$dir/$1.cnf" <<EOF
[req]
distinguished_name = dn
prompt = no
x509_extensions = v3
[dn]
CN = gitsign-hsm demonstration $2
[v3]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
EOF
	(umask 077 && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out "$dir/$1.key" 2>/dev/null)
	quiet openssl req -x509 -config "$dir/$1.cnf" -key "$dir/$1.key" -days 1 -sha256 \
		-out "$dir/$1.pem"
}
# key ID NAME CA: a P-256 key made in the token, its certificate beside it.
key() {
	quiet p11 --keypairgen --key-type EC:prime256v1 --id "$1" --label "$2"
	quiet p11 --read-object --type pubkey --id "$1" --output-file "$dir/pub.der"
	quiet openssl pkey -pubin -inform DER -in "$dir/pub.der" -out "$dir/pub.pem"
	cat >"$dir/ext" <<EOF
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = codeSigning,emailProtection
subjectAltName = email:alice@example.com
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EOF
	quiet openssl x509 -new -force_pubkey "$dir/pub.pem" \
		-subj "/CN=gitsign-hsm demonstration $2" -set_serial "0x4$(openssl rand -hex 8)" \
		-CA "$dir/$3.pem" -CAkey "$dir/$3.key" -days 1 -sha256 -extfile "$dir/ext" \
		-out "$dir/$2.pem"
	quiet openssl x509 -in "$dir/$2.pem" -outform DER -out "$dir/cert.der"
	quiet p11 --write-object "$dir/cert.der" --type cert --id "$1" --label "$2"
}
fingerprint() {
	openssl x509 -in "$dir/$1.pem" -noout -fingerprint -sha256 | sed 's/.*=//' | tr -d : |
		tr A-F a-f
}

authority ca "CA"
key 01 alice ca
echo "   token \"demo\" with a random PIN; key \"alice\", P-256; its certificate is valid one day"

# --- 3 set up -------------------------------------------------------------------------
head_line "Point a repository at the key"
quiet git config --global init.defaultBranch main
quiet git config --global user.name Alice
quiet git config --global user.email alice@example.com
quiet git init -q "$dir/work"
cd "$dir/work"
run gitsign-hsm setup --module "$module" --key "$(fingerprint alice)" \
	--pin-source "file:$dir/pin" --roots "$dir/ca.pem"

# --- 4 sign, verify --------------------------------------------------------------------
head_line "Commit and tag with stock git; verify"
echo hello >hello
quiet git add hello
run git commit -q -S -m "A signed commit"
run git tag -s -m "A signed tag" v1
run git verify-commit HEAD
run git verify-tag v1
run git log --show-signature --oneline -1
quiet git verify-commit HEAD

# --- 5 enforce ---------------------------------------------------------------------------
head_line "A bare repository with the hook, and a policy that knows Alice"
quiet git init -q --bare "$dir/server.git"
mkdir "$dir/policy"
run gitsign-hsm policy init --roots "$dir/ca.pem" --signer alice=alice@example.com \
	-o "$dir/policy/policy"
run gitsign-hsm hook install "$dir/server.git" --policy "$dir/policy/policy"

head_line "What Alice signed goes in"
run git push -q "$dir/server.git" main v1
[ "$(git -C "$dir/server.git" rev-parse main)" = "$(git rev-parse HEAD)" ] ||
	die "the signed push did not arrive"
echo "     (accepted)"

head_line "A commit without a signature is refused"
quiet git commit -q --no-gpg-sign --allow-empty -m "Not signed"
refused 'remote:.*not signed' git push "$dir/server.git" main

head_line "A commit in Alice's name, signed under a CA that the policy does not know, is refused"
authority stranger "CA of a stranger"
key 02 mallory stranger
quiet git reset -q --hard v1
quiet git -c user.signingKey="$(fingerprint mallory)" commit -q -S --allow-empty \
	-m "Signed by a stranger"
refused 'remote:.*(trust|chain|anchor|unknown)' git push "$dir/server.git" main
[ "$(git -C "$dir/server.git" rev-parse main)" = "$(git rev-parse 'v1^{commit}')" ] ||
	die "THE SERVER'S BRANCH MOVED, and must not"

# --- the end --------------------------------------------------------------------------------
cat <<EOF

Done in $(($(date +%s) - start)) s: Alice's commit and tag were signed by a key that never left the
token, stock git verified them, the server took them in, and it refused an unsigned
commit and one of an unknown signer.

Next:
  make install                          (PREFIX=~/.local needs no root)
  gitsign-hsm token list                the tokens that are here
  gitsign-hsm setup --roots your-ca.pem in a repository of yours
  gitsign-hsm doctor                    what is still wrong there, and the cure
  gitsign-hsm hook install /srv/git/x.git --policy /etc/gitsign-hsm/policy
  man gitsign-hsm
EOF
if [ -n "${KEEP-}" ]; then
	cat >"$dir/env" <<EOF
export HOME=$HOME GIT_CONFIG_NOSYSTEM=1 SOFTHSM2_CONF=$SOFTHSM2_CONF PATH=$PATH
export XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR
EOF
	printf '\nKept: %s; to play on: . %s/env && cd %s/work\n' "$dir" "$dir" "$dir"
fi
