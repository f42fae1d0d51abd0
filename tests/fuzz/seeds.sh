#!/bin/sh
# seeds.sh DIRECTORY: real certificates, CRLs, signatures and packs, made now, into DIRECTORY/cert/,
# crl/, cms/ and pack/: by openssl and git, and by cms-tool where that is built (CMS_TOOL names another
# one).
set -eu
mkdir -p "$1/cms" "$1/cert" "$1/crl" "$1/pack"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
tool=${CMS_TOOL:-}
for t in build/tests/cms-tool build/fuzz/tests/cms-tool build/asan/tests/cms-tool; do
	[ -n "$tool" ] || [ ! -x "$t" ] || tool=$PWD/$t
done

tmp=$(mktemp -d "${TMPDIR:-/tmp}/gh-seeds.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
echo payload >payload
cat >req.conf <<'END'
[req]
distinguished_name = dn
[dn]
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = codeSigning,emailProtection
subjectAltName = email:alice@example.com,email:bob@example.com,URI:https://example.com/a
[ca]
basicConstraints = critical,CA:TRUE,pathlen:1
keyUsage = critical,keyCertSign,cRLSign
nameConstraints = permitted;email:example.com
[odd]
subjectAltName = otherName:1.2.3;UTF8:x,dirName:dn
1.2.3.4 = ASN1:UTF8String:unknown
[cipher]
keyUsage = keyEncipherment
[plain]
END
{
	echo '[many]'
	for i in $(seq 65); do echo "1.2.3.$i = ASN1:NULL"; done
	printf '[people]\nsubjectAltName = '
	for i in $(seq 33); do printf 'email:a%s@example.com,' "$i"; done
	printf 'DNS:a\n'
} >>req.conf

cert() { # KEY EXTENSIONS SUBJECT
	openssl req -x509 -new -key "$1.key" -config req.conf -extensions "$2" -subj "$3" \
		-utf8 -days 30 -out "$1.$2.crt" 2>/dev/null
	openssl x509 -in "$1.$2.crt" -outform DER -out "$out/cert/$1-$2"
}

sign() { # NAME KEY OPTION...
	name=$1
	key=$2
	shift 2
	openssl cms -sign -binary -outform DER -in payload -signer "$key.leaf.crt" \
		-inkey "$key.key" "$@" -out "$out/cms/openssl-$key-$name" 2>/dev/null
}

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out p521.key
openssl genpkey -algorithm ED25519 -out ed25519.key
for key in rsa p256 p521 ed25519; do
	cert "$key" leaf "/O=Example/CN=Alice"
	cert "$key" ca "/CN=An Authority"
done
cert p256 odd "/CN=Ålice + \\/x/UID=a"
long=$(printf 'OU=%060d/' $(seq 20))
for ext in cipher many people; do cert p256 "$ext" /CN=a; done
cert p521 cipher "/${long}CN=a"
cert p521 plain /
# A chain, in any order, and more than may be.
for pair in 'mid ca root p256.key p256.ca.crt' 'end leaf mid p521.key mid.crt'; do
	# shellcheck disable=SC2086 # words
	set -- $pair
	key=p521
	[ "$1" = mid ] || key=ed25519
	openssl req -x509 -new -key $key.key -config req.conf -extensions "$2" -subj "/CN=$1" \
		-CA "$5" -CAkey "$4" -days 30 -out "$1.crt" 2>/dev/null
done
pem() { # NAME FILE...
	name=$1
	shift
	{
		printf P
		cat "$@"
	} >"$out/cert/pem$name"
}
pem '' rsa.leaf.crt p256.ca.crt
pem -chain end.crt p256.ca.crt mid.crt
pem -many rsa.leaf.crt rsa.leaf.crt rsa.leaf.crt rsa.leaf.crt rsa.leaf.crt
: >"$out/cert/nothing"

for key in rsa p256 p521; do
	sign plain "$key"
	sign cades "$key" -cades
	sign bare "$key" -nosmimecap -nocerts
	sign sha512 "$key" -md sha512 -certfile p256.ca.crt
done
sign attached p256 -nodetach
sign stream p256 -stream -indef
sign keyid p256 -keyid
sign noattr p256 -noattr

cat >crl.conf <<'END'
[ca]
default_ca = x
[x]
database = index
crlnumber = number
default_md = sha256
[plain]
authorityKeyIdentifier = keyid
issuingDistributionPoint = critical,@part
[part]
fullname = URI:http://example.com/a
indirectCRL = TRUE
[more]
authorityKeyIdentifier = keyid
2.5.29.27 = critical,DER:020101
1.2.3.4 = ASN1:UTF8String:unknown
END
echo 01 >number
{
	printf 'R\t351125000000Z\t260101000000Z,keyTime,20251231000000Z\t05\tunknown\t/CN=a\n'
	printf 'R\t351125000000Z\t260101000000Z,holdInstruction,holdInstructionReject\t06\tunknown\t/CN=b\n'
	printf 'R\t351125000000Z\t260101000000Z\t0700000000000001\tunknown\t/CN=c\n'
} >index
for key in rsa p256 p521; do
	for ext in '' '-crlexts plain' '-crlexts more'; do
		# shellcheck disable=SC2086 # words
		openssl ca -config crl.conf -cert "$key.ca.crt" -keyfile "$key.key" -gencrl -crldays 9 \
			$ext -out crl.pem 2>/dev/null
		openssl crl -in crl.pem -outform DER -out "$out/crl/$key-$(echo "$ext" | tr -d ' -')"
	done
done
cat crl.pem crl.pem >"$out/crl/pem"

# pack NAME INDEX PACK: an index behind its length in two bytes, and the pack.
pack() {
	n=$(wc -c <"$2")
	# shellcheck disable=SC2059 # the format is made of octal digits
	{
		printf "\\$(printf %03o $((n / 256)))\\$(printf %03o $((n % 256)))"
		cat "$2" "$3"
	} >"$out/pack/$1"
}
git init -q packs
seq 1 300 >packs/file
for i in 1 2 3; do
	echo "$i" >>packs/file
	git -C packs add file
	git -C packs -c user.name=a -c user.email=a@example.com commit -q -m "$i"
done
for window in 0 10; do
	git -C packs pack-objects -q --all --window=$window --stdout --revs </dev/null >objects
	for index in 1 2 2,0x40; do
		git index-pack --index-version=$index -o index.$index objects >/dev/null
		pack "$window-$index" index.$index objects
	done
done
# An index cut off behind its fanout, one whose fanout falls, one with a byte too many; no pack.
head -c 1072 index.2 >index.bad
pack cut-off index.bad objects
{ head -c 8 index.2 && printf '\377' && tail -c +10 index.2; } >index.bad
pack fanout index.bad objects
{ cat index.2 && echo; } >index.bad
pack longer index.bad objects
pack no-pack index.2 index.2

# bend NAME AT DIGITS: 0-2 with another byte; the index begins at 2, its tables at 10 and 1034.
bend() {
	cp "$out/pack/0-2" "$out/pack/bent-$1"
	# shellcheck disable=SC2059 # the format is made of octal digits
	printf "\\$3" | dd of="$out/pack/bent-$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
first=$((2 + $(wc -c <index.2) + 12)) # the first entry of the pack
bend count 1030 177
bend offset $((1034 + 9 * 24)) 200
bend beyond $((1034 + 9 * 24)) 100
bend version $((first - 5)) 7
bend stream $((first + 6)) 377
cp "$out/pack/0-2" "$out/pack/bent-size"
printf '\221\377\377\377\377\377\377\377\377\377\377' |
	dd of="$out/pack/bent-size" bs=1 seek="$first" conv=notrunc 2>/dev/null

if [ -n "$tool" ]; then
	"$tool" fuzz-seed "$out/cms"
	i=0
	for options in --ber --pieces --no-ess "--no-time --no-ess" --no-certs "--extra-attr 2a0304" \
		"--protection sha256" "--protection sha512" --token --token-other --tokens --v3 \
		"--unsigned-attr 2b0601040183bf300301" "--unsigned-attr 2a864886f70d010910020e" \
		"--signature-oid 2a8648ce3d040304" "--capability 2a03" "--listed sha512" "--bend negate" \
		"--bend zero" "--bend pad" "--no-type" "--no-digest" "--type 2a864886f70d010702" \
		"--digest sha256 --signature-oid 2a864886f70d010101"; do
		i=$((i + 1))
		# shellcheck disable=SC2086 # words
		"$tool" --der $options sign p256.key p256.leaf.crt p256.ca.crt <payload \
			>"$out/cms/tool-p256-$i"
	done
	"$tool" --der sign ed25519.key ed25519.leaf.crt <payload >"$out/cms/tool-ed25519"
	"$tool" --der --digest sha256 sign ed25519.key ed25519.leaf.crt <payload >"$out/cms/tool-ed25519-256"
	cat p256.leaf.crt p256.leaf.crt >twice.crt
	"$tool" --der sign p256.key p256.leaf.crt twice.crt <payload >"$out/cms/tool-twice"
fi
