#!/bin/sh
# The table of gitsign-hsm(1), TRUST: verdict x trust x exit status against
# verify-commit, %G? and merge --verify-signatures. And, beside it, what git does
# when a signer misbehaves: the traps that our output must never step into.
. "${GH_SRC:-tests}/system/lib.sh"
gh_world
gh_key alice EC:prime256v1 alice@example.com
gh_key carol EC:prime256v1 carol@example.com
gh_key short rsa:2048 short@example.com
gh_keypair gone EC:prime256v1
GH_DAYS=-1 gh_certificate gone gone@example.com
gh_authority other
gh_key mallory EC:prime256v1 mallory@example.com
# shellcheck disable=SC2034 # of lib.sh
GH_CA=root

cat >policy <<CONF
[policy]
	version = 1
	serial = 1
[trust "test"]
	roots = ca/root.pem
[signer "alice"]
	email = alice@example.com
	trust = test
[rule "main"]
	ref = refs/heads/main
	signer = alice
CONF
chmod 600 policy

gh_repo work
cd work || bail cd
gh_use alice
git commit -q --allow-empty -m base
make() { # NAME: a branch with one commit signed by this key
	gh_use "$1"
	git checkout -q -b "$1" main
	git commit -q -S --allow-empty -m "$1"
	git checkout -q main
	gh_use alice
}
make alice
make carol
make short
make mallory
git branch plain main
git checkout -q plain && git commit -q --allow-empty -m plain && git checkout -q main
git branch bad "$(git cat-file commit alice | sed 's/^alice$/tampered/' |
	git hash-object -t commit -w --stdin)"
# A commit whose signature is of another kind, given to this program.
git config gpg.program "$GH_BIN/gitsign-hsm"
git branch foreign "$( (git cat-file commit plain | sed '/^$/,$d'
	printf 'gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n\nforeign\n') |
	git hash-object -t commit -w --stdin)"
# A signature that was good until yesterday, made by a file key.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout soft.key -out soft.csr \
	-subj /CN=x 2>/dev/null
openssl x509 -new -force_pubkey /dev/stdin -subj /CN=gone -CA "$GH_ROOTS" -CAkey ../ca/root.key \
	-days -1 -set_serial 77 -extfile ../keys/gone.ext -out gone.pem 2>/dev/null <<PUB
$(openssl pkey -in soft.key -pubout)
PUB
git cat-file commit plain | sed 's/^plain$/gone/' >gone.payload
openssl cms -sign -binary -in gone.payload -signer gone.pem -inkey soft.key -outform DER \
	-nosmimecap -md sha256 -out gone.der 2>/dev/null
git branch gone "$( (sed '/^$/,$d' gone.payload
	echo 'gpgsig -----BEGIN SIGNED MESSAGE-----'
	openssl base64 -in gone.der | sed 's/^/ /'
	printf ' -----END SIGNED MESSAGE-----\n\ngone\n') | git hash-object -t commit -w --stdin)"

row() { # BRANCH LETTER VERIFIES(0|1) MERGES(0|1) [-c...]
	local b l v m
	b=$1 l=$2 v=$3 m=$4
	shift 4
	is "$b $*: %G?" "$(git "$@" log -1 --format='%G?' "$b" 2>"$GH_ERR")" "$l"
	exits "$v" "$b $*: verify-commit" git "$@" verify-commit "$b"
	git reset -q --hard
	if [ "$m" = 0 ]; then
		ok "$b $*: merge" git "$@" merge -q --no-ff --verify-signatures -m m "$b"
		git reset -q --hard HEAD~1
	else
		not_ok "$b $*: merge" git "$@" merge -q --no-ff --verify-signatures -m m "$b"
	fi
}
row alice G 0 0
row carol G 0 0
row short U 1 1
row mallory U 1 1
row bad B 1 1
row foreign E 1 1
row gone Y 1 1
row plain N 1 1
# By a policy: alice is a signer of a rule, carol is not.
row alice G 0 0 -c hsm.policy="$GH_WORLD/policy" -c gpg.minTrustLevel=fully
row carol G 1 1 -c hsm.policy="$GH_WORLD/policy" -c gpg.minTrustLevel=fully
row carol G 0 0 -c hsm.policy="$GH_WORLD/policy"
row mallory U 1 1 -c hsm.policy="$GH_WORLD/policy"
is 'alice is fully trusted' \
	"$(git -c hsm.policy="$GH_WORLD/policy" log -1 --format=%GT alice)" fully
is 'carol is not' "$(git -c hsm.policy="$GH_WORLD/policy" log -1 --format=%GT carol)" marginal
# gpg.minTrustLevel cannot be got round, and does not make up for what is missing.
row mallory U 1 1 -c gpg.minTrustLevel=undefined
row short U 1 1 -c gpg.minTrustLevel=never
# No anchors at all: nothing is good.
git config --global --unset hsm.roots
row alice U 1 1
git config --global hsm.roots "$GH_ROOTS"
chmod 666 "$GH_ROOTS"
row alice E 1 1
chmod 644 "$GH_ROOTS"

# --- the shape of what we write ----------------------------------------------------
for b in alice carol short mallory bad foreign gone; do
	git cat-file commit $b | perl -ne 'if (/^gpgsig /../^(?!gpgsig | )/) { next unless /^(gpgsig| )/;
		s/^(gpgsig)? //; print; last if /^-----END/ }' >sig
	git cat-file commit $b | perl -e '$_ = join "", <STDIN>; s/^gpgsig .*?\n(?! )//ms; print' >payload
	"$GH_BIN/gitsign-hsm" --status-fd=1 --verify sig - <payload >out 2>err
	is "$b: NEWSIG is first" "$(sed -n 1p out)" '[GNUPG:] NEWSIG'
	is "$b: exactly one exclusive line" \
		"$(grep -cE '^\[GNUPG:\] (GOODSIG|BADSIG|ERRSIG|EXPSIG|EXPKEYSIG|REVKEYSIG) ' out)" 1
	is "$b: no line without the prefix" "$(grep -cv '^\[GNUPG:\] ' out)" 0
	case $b in
	bad | foreign) unlike "$b: no trust, no VALIDSIG" "$(cat out)" 'TRUST_|VALIDSIG' ;;
	*)
		is "$b: one trust line" \
			"$(grep -cE '^\[GNUPG:\] TRUST_(NEVER|UNDEFINED|MARGINAL|FULLY) 0 shell$' out)" 1
		like "$b: VALIDSIG has nine words" "$(cat out)" \
			'^\[GNUPG:\] VALIDSIG [0-9A-F]{64} [0-9-]{10} [0-9T]{15} [0-9T]{15} 0 0 [0-9]+ [0-9]+ 00$'
		like "$b: a name is there" "$(cat out)" '^\[GNUPG:\] (GOODSIG|EXPKEYSIG) [0-9A-F]{64} /.'
		;;
	esac
done
done_testing
