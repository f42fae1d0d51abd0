#!/bin/sh
# doctor: each thing that can be wrong is named with its cure, and content when it is right;
# what the forges would say of the certificate, rule by rule.
. "${GH_SRC:-tests}/system/lib.sh"
gh_world
PATH=$GH_BIN:$PATH
export GH_DAYS=100
gh_authority middle root
gh_key alice EC:prime256v1 alice@example.com
gh_use alice
git config --global user.signingKey "$(gh_fp alice)"
gh_setup gh_store ca/middle.pem alice
git config --global commit.gpgSign true

sign_as() {
	gh_use "$1"
	git config --global user.signingKey "$(gh_fp "$1")"
}
level() { # WHAT: its level and text in the JSON that was printed last
	perl -MJSON::PP -0e 'my ($w) = shift; for (@{decode_json(<STDIN>)->{findings}}) {
		print "$_->{level}: $_->{text}\n" if $_->{what} eq $w }' "$1" <"$GH_OUT"
}
cure() {
	perl -MJSON::PP -0e 'my ($w) = shift; for (@{decode_json(<STDIN>)->{findings}}) {
		print $_->{cure} if $_->{what} eq $w && defined $_->{cure} }' "$1" <"$GH_OUT"
}
ok 'all is well' gitsign-hsm doctor --json
for w in git gpg.format program signing PIN module token key certificate user.email chain trust clock; do
	like "$w" "$(level $w)" '^ok: '
done
ok 'as text' gitsign-hsm doctor
like 'sums up' "$(cat "$GH_OUT")" '^0 problems'

wrong() { # WHAT PATTERN KEY VALUE: a value of git's configuration that is a problem
	exits 1 "$3 = $4" gitsign-hsm doctor --json
	like "$3 = $4: told" "$(level "$1")" "^problem: .*$2"
	isnt "$3 = $4: a cure" "$(cure "$1")" ''
}
with() { # KEY VALUE COMMAND...: with the value, and back
	local was
	was=$(git config --global "$1")
	git config --global "$1" "$2"
	shift 2
	"$@"
	git config --global "$key" "$was"
}
echo 1234 >open-pin && chmod 666 open-pin
while read -r key value what pattern; do
	with "$key" "$value" wrong "$what" "$pattern" "$key" "$value"
done <<EOF
gpg.format openpgp gpg.format X.509
gpg.x509.program gpgsm program not.call
gpg.x509.program /nowhere/gitsign-hsm program cannot.be.run
user.email bob@example.com user.email not.an.address
hsm.pinSource file:/nowhere PIN cannot.open
hsm.pinSource file:$GH_WORLD/open-pin PIN open.to.others
hsm.pinSource command:$GH_WORLD/open-pin PIN written.by.others
hsm.roots $GH_WORLD/nowhere.pem trust nowhere
user.signingKey 1234567890123456789012345678901234567890 key no.key
hsm.module /nowhere.so module cannot.be.loaded
EOF
# What is no problem yet, and what is missing altogether.
while read -r key value what pattern; do
	with "$key" "$value" gh_run gitsign-hsm doctor --json
	like "$key = $value" "$(level "$what")" "^$pattern"
done <<EOF
commit.gpgSign false signing note: .*only.with
hsm.agent off agent note: off
hsm.agent auto agent ok: starts
hsm.agent required agent problem: .*none.runs
hsm.pinSource credential:pin PIN note: .*credential
hsm.pinSource prompt PIN ok: asked
hsm.pinSource command:/bin/cat PIN ok: command
EOF
without() { # KEY WHAT PATTERN
	local was
	was=$(git config --global "$1")
	git config --global --unset "$1"
	exits 1 "no $1" gitsign-hsm doctor --json
	like "no $1: told" "$(level "$2")" "^problem: .*$3"
	git config --global "$1" "$was"
}
without user.email user.email 'not set'
without hsm.roots trust 'called good'
is 'outside of a repository its cure is for the account' "$(cure trust)" \
	'git config --global hsm.roots /path/to/ca.pem   (or hsm.policy)'

# --- the repository ----------------------------------------------------------------------
like 'none is here' "$(level repository)" '^ok: none here'
gh_repo tree
in_tree() {
	(cd tree && "$@")
}
ok 'one is' in_tree gitsign-hsm doctor --json
like 'it is named' "$(level repository)" "^ok: $GH_WORLD/tree"
exits 1 "somebody else's" in_tree env GIT_TEST_ASSUME_DIFFERENT_OWNER=1 gitsign-hsm doctor --json
like 'it is told' "$(level repository)" '^problem: another user owns it'
like 'the cure is git'"'"'s' "$(cure repository)" '--add safe.directory'
git -C tree config i18n.commitEncoding utf8
ok 'an encoding that is UTF-8' in_tree gitsign-hsm doctor --json
is 'nothing is said of it' "$(level encoding)" ''
git -C tree config i18n.commitEncoding ISO-8859-1
exits 1 'another one' in_tree gitsign-hsm doctor --json
like 'it is told' "$(level encoding)" '^problem: i18n.commitEncoding is not UTF-8'
git -C tree config --unset i18n.commitEncoding
cp "$GH_ROOTS" tree/roots.pem
cp "$GH_ROOTS" tree/.git/roots.pem
git -C tree config hsm.roots "$GH_WORLD/tree/.git/roots.pem"
ok 'anchors in .git are out of reach of a pull' in_tree gitsign-hsm doctor --json
git -C tree config hsm.roots "$GH_WORLD/tree/roots.pem"
exits 1 'those in the work tree are not' in_tree gitsign-hsm doctor --json
like 'it is told' "$(level trust)" '^problem: .*a pull can exchange it'
mkdir old
cat >old/git <<EOF
#!/bin/sh
[ "\$1" = --version ] && echo git version 2.18.4 && exit
exec $(command -v git) "\$@"
EOF
chmod 755 old/git
exits 1 'an old git' env PATH="$GH_WORLD/old:$PATH" gitsign-hsm doctor --json
like 'an old git: told' "$(level git)" '^problem: 2.18.4'
exits 1 'a clock that stands in 2020' env LD_PRELOAD="$GH_TOOLS/clock.so" \
	GH_CLOCK=$((1577880000 - $(date +%s))) ASAN_OPTIONS=verify_asan_link_order=0 \
	gitsign-hsm doctor --json
like 'the clock: told' "$(level clock)" '^problem: 2020'

# GitLab judges by the commit's date and the time of signing.
ok 'a commit of long ago' env GIT_COMMITTER_DATE='2001-01-01 00:00:00 +0000' gitsign-hsm doctor --json
unlike 'is dated in time' "$(level GitLab)" GIT_COMMITTER_DATE
ok 'a commit of the future is no problem of ours' env GIT_COMMITTER_DATE='2098-01-01 00:00:00 +0000' \
	gitsign-hsm doctor --json
like 'it is told' "$(level GitLab)" '^note: .*GIT_COMMITTER_DATE is ahead of this clock'
like 'with a cure' "$(cure GitLab)" 'unset GIT_COMMITTER_DATE'
gh_repo dated
cd dated || bail cd
ok 'no HEAD yet' gitsign-hsm doctor --json
like 'the clock is right' "$(level clock)" '^ok: '
gh_setup git commit -q --no-gpg-sign --allow-empty -m one
ok 'HEAD is of now' gitsign-hsm doctor --json
like 'the clock is right, too' "$(level clock)" '^ok: '
gh_setup env GIT_COMMITTER_DATE='2098-01-01 00:00:00 +0000' git commit -q --no-gpg-sign --allow-empty -m two
ok 'HEAD is of the future' gitsign-hsm doctor --json
like 'is the clock behind?' "$(level clock)" '^note: HEAD was committed later than now'
cd .. || bail cd
exits 1 'the environment names another committer' env GIT_COMMITTER_EMAIL=bob@example.com \
	gitsign-hsm doctor --json
like 'another: told' "$(level user.email)" '^problem: not an address'

gh_authority strange
key=hsm.roots
with hsm.roots "$GH_WORLD/ca/strange.pem" wrong chain . hsm.roots strange
git config --global --unset hsm.module
exits 1 'no module' gitsign-hsm doctor --json
is 'the cure is setup, of the account where no repository is' "$(cure module)" \
	'gitsign-hsm setup --global'
gh_run git init -q repository
exits 1 'no module' sh -c 'cd repository && gitsign-hsm doctor --json'
is 'and else of the repository' "$(cure module)" 'gitsign-hsm setup'
git config --global hsm.module "$GH_TOOLS/mock-p11.so"
openssl ecparam -name prime256v1 -genkey -noout -out mock.key
export MOCK_P11_KEY="$GH_WORLD/mock.key"
for f in pin-locked:locked pin-final:more.locks no-slots:no.token; do
	exits 1 "${f%:*}" env MOCK_P11="${f%:*}" gitsign-hsm doctor --json
	like "${f%:*}: told" "$(level mock; level token)" "^problem: .*${f#*:}"
done
git config --global hsm.module "$GH_MODULE"

# --- expiry ------------------------------------------------------------------------------
export GH_CA=middle GH_DAYS=3
gh_key soon EC:prime256v1 soon@example.com
sign_as soon
exits 1 'three days are left' gitsign-hsm doctor --json
like 'it is told' "$(level certificate)" '^problem: expires in [23] days'
GH_DAYS=40
gh_key later EC:prime256v1 later@example.com
sign_as later
ok 'forty days are a note' gitsign-hsm doctor --json
like 'it is told' "$(level certificate)" '^note: expires in (39|40) days'

# --- forges --------------------------------------------------------------------------------
export GH_DAYS=100
forge() { # NAME KEY EXT...
	local name
	name=$1
	shift
	gh_key "$name" "$@"
	sign_as "$name"
	gh_run gitsign-hsm doctor --json
}
crl='crlDistributionPoints=URI:http://ca.example.com/ca.crl'
forge lab EC:prime256v1 lab@example.com "$crl"
like 'GitLab is content' "$(level GitLab)" '^ok: .*trusts your CA'
like 'Bitbucket is content' "$(level Bitbucket)" '^ok: '
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
	like 'GitHub is not: a private CA' "$(level GitHub)" '^note: .*Mozilla'
else
	like 'GitHub: cannot be told' "$(level GitHub)" '^note: cannot be told'
fi
# As if the CA were in Mozilla's program.
gh_run env SSL_CERT_FILE="$GH_ROOTS" gitsign-hsm doctor --json
like 'GitHub is content with a public CA' "$(level GitHub)" '^ok: would be Verified'
like 'GitLab needs to trust nothing then' "$(level GitLab)" '^ok: would be Verified, once'
gh_run env SSL_CERT_FILE="/nowhere" gitsign-hsm doctor --json
like 'GitHub: it cannot be told without the list' "$(level GitHub)" '^note: cannot be told here'
forge nocrl EC:prime256v1 nocrl@example.com
like 'GitLab: no CRL address' "$(level GitLab)" '^note: no cRLDistributionPoints'
forge https EC:prime256v1 https@example.com 'crlDistributionPoints=URI:https://ca.example.com/ca.crl'
like 'GitLab: not by http' "$(level GitLab)" '^note: no cRLDistributionPoints'
forge noski EC:prime256v1 noski@example.com "$crl" subjectKeyIdentifier=none \
	authorityKeyIdentifier=none
like 'GitLab: no SKI, no AKI' "$(level GitLab)" 'subjectKeyIdentifier; no authorityKeyIdentifier'
forge long EC:prime256v1 long@example.com "$crl" \
	subjectKeyIdentifier=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
like 'GitLab: a long SKI' "$(level GitLab)" '^note: .*has not 20 bytes'
unlike 'GitLab: and one that is there' "$(level GitLab)" 'no subjectKeyIdentifier'
forge ed EC:edwards25519 ed@example.com "$crl"
like 'GitLab: Ed25519' "$(level GitLab)" '^note: .*Ed25519'
like 'GitHub: Ed25519' "$(level GitHub)" '^note: .*Ed25519'
like 'the key: who cannot verify it' "$(level key)" '^note: .*OpenSSL 3.0.*gpgsm 2.2.*Ed25519'
like 'Bitbucket: Ed25519' "$(level Bitbucket)" '^note: .*Ed25519'
forge big EC:secp521r1 big@example.com "$crl"
like 'P-521: who cannot verify it' "$(level key)" '^note: gpgsm 2.2 .*P-521'
like 'P-521: GitLab can' "$(level GitLab)" '^ok: '
gh_keypair mute EC:prime256v1
gh_certificate mute mute@example.com "$crl" 'subjectAltName=critical,email:mute@example.com'
gh_setup openssl x509 -new -force_pubkey keys/mute.pub -subj / -CA ca/middle.pem -CAkey ca/middle.key \
	-set_serial 77 -days 100 -sha256 -extfile keys/mute.ext -out keys/mute.pem
gh_store keys/mute.pem mute
sign_as mute
gh_run gitsign-hsm doctor --json
like 'GitLab: an empty subject' "$(level GitLab)" '^note: the subject is empty'
like 'Bitbucket: does not mind' "$(level Bitbucket)" '^ok: '
forge bare EC:prime256v1 bare@example.com "$crl" subjectAltName=
like 'GitLab: no address' "$(level GitLab)" 'no e-mail address'
git config --global user.email other@example.com
gh_run gitsign-hsm doctor --json
like 'GitLab: the committer is another' "$(level GitLab)" "committer's address"
like 'GitHub: as well' "$(level GitHub)" "^note: .*committer's address"
like 'Bitbucket: as well' "$(level Bitbucket)" "^note: .*committer's address"
like 'GitLab: with a cure' "$(cure GitLab)" 'set user.email'
git config --global committer.email bare@example.com
exits 1 'committer.email comes first: not in this certificate either' gitsign-hsm doctor --json
like 'it is told' "$(level user.email)" '^problem: not an address'
sign_as long
exits 1 'in that one it is not' gitsign-hsm doctor --json
git config --global committer.email long@example.com
git config --global user.email other@example.com
gh_run gitsign-hsm doctor --json
like 'committer.email serves' "$(level user.email)" '^ok: '
unlike 'GitLab: too' "$(level GitLab)" "committer's address"
done_testing
