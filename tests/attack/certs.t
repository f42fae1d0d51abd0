#!/bin/sh
# Attacks with certificates: what may sign, whose it is, who may issue it, and when.
#
# shellcheck disable=SC2154,SC2034 # $zero, $one, $two come from lib.sh
. "${GH_SRC:-tests}/attack/lib.sh"

attack_world
keys=$GH_WORLD/keys
ca=$GH_WORLD/ca
mkdir "$ca/db"
: >"$ca/db/index"

# key_of NAME [ALG [genpkey options]]: a key pair.
key_of() {
	local name
	name=$1
	shift
	[ $# -gt 0 ] || set -- EC -pkeyopt ec_paramgen_curve:P-256
	gh_setup openssl genpkey -algorithm "$@" -out "$keys/$name.key"
	gh_setup openssl pkey -in "$keys/$name.key" -pubout -out "$keys/$name.pub"
}
# person NAME [EXT...]: a key and a certificate for alice's address by $GH_CA; another
# address by an EXT. Its chain: what $GH_CA's own chain file names.
person() {
	local name
	name=$1
	shift
	[ -f "$keys/$name.key" ] || key_of "$name"
	gh_certificate "$name" alice@example.com "$@"
	if [ -f "$ca/$GH_CA.chain" ]; then cp "$ca/$GH_CA.chain" "$keys/$name.chain"; fi
}
# authority NAME PARENT [EXT...]: an intermediate one, $GH_CA from here on.
authority() {
	local name parent
	name=$1
	parent=$2
	shift 2
	GH_CA=$parent
	[ -f "$keys/$name.key" ] || key_of "$name"
	gh_certificate "$name" alice@example.com 'basicConstraints=critical,CA:true' \
		'keyUsage=critical,keyCertSign,cRLSign' 'extendedKeyUsage=' 'subjectAltName=' "$@"
	cp "$keys/$name.pem" "$keys/$name.key" "$ca"
	cat "$keys/$name.pem" >"$ca/$name.chain"
	[ ! -f "$ca/$parent.chain" ] || cat "$ca/$parent.chain" >>"$ca/$name.chain"
	GH_CA=$name
}
# dated NAME FROM UNTIL [SECTION]: like person, by openssl ca; times as YYYYMMDDHHMMSSZ.
dated() {
	cat >"$ca/ca.cnf" <<-EOF2
		[ca]
		default_ca = x
		[x]
		database = $ca/db/index
		new_certs_dir = $ca/db
		rand_serial = yes
		default_md = sha256
		policy = p
		unique_subject = no
		[p]
		commonName = supplied
		[person]
		basicConstraints = critical,CA:false
		keyUsage = critical,digitalSignature
		subjectAltName = email:alice@example.com
		[authority]
		basicConstraints = critical,CA:true
		keyUsage = critical,keyCertSign
		subjectKeyIdentifier = hash
	EOF2
	key_of "$1"
	gh_setup openssl req -new -key "$keys/$1.key" -subj "/CN=$1" -out "$ca/$1.csr"
	gh_setup openssl ca -batch -notext -config "$ca/ca.cnf" -extensions "${4:-person}" \
		-cert "$ca/$GH_CA.pem" -keyfile "$ca/$GH_CA.key" -in "$ca/$1.csr" \
		-startdate "$2" -enddate "$3" -out "$keys/$1.pem"
}
by() { # NAME [OPTION...]
	attack raw_to_main "$(commit_by "$@")"
}
not_by() {
	twin raw_to_main "$(commit_by "$@")"
}

case_91a() {
	for u in serverAuth clientAuth anyExtendedKeyUsage timeStamping,serverAuth; do
		person eku "extendedKeyUsage=$u"
		by eku
	done
	person eku 'extendedKeyUsage=serverAuth,emailProtection'
	not_by eku
}
case_91b() {
	for u in keyEncipherment nonRepudiation keyAgreement,dataEncipherment; do
		person ku "keyUsage=critical,$u"
		by ku
	done
	person ku 'keyUsage=critical,nonRepudiation,digitalSignature'
	not_by ku
}
case_91c() {
	authority mid root extendedKeyUsage=serverAuth
	person below
	by below
	authority mid root extendedKeyUsage=codeSigning
	person below extendedKeyUsage=emailProtection
	by below
	authority mid root extendedKeyUsage=emailProtection
	person below extendedKeyUsage=emailProtection
	not_by below
	GH_CA=root
}
case_92a() {
	person bare 'keyUsage=' 'extendedKeyUsage='
	by bare
	person bare 'extendedKeyUsage='
	not_by bare
}
case_93a() {
	cp "$keys/alice.pem" "$keys/alice.key" "$ca"
	cp "$keys/alice.pem" "$ca/alice.chain"
	GH_CA=alice
	person below
	by below
	authority mid root
	person below
	not_by below
	GH_CA=root
}
case_93b() {
	authority mid root 'keyUsage=critical,cRLSign,digitalSignature'
	person below
	by below
	authority mid root
	person below
	not_by below
	GH_CA=root
}
case_93c() {
	authority mid root 'basicConstraints=critical,CA:true,pathlen:0'
	authority low mid
	person below
	by below
	authority mid root 'basicConstraints=critical,CA:true,pathlen:1'
	authority low mid
	person below
	not_by below
	GH_CA=root
}
case_93d() {
	authority mid root 'nameConstraints=critical,permitted;email:example.org'
	person below
	by below
	authority mid root 'nameConstraints=critical,excluded;email:example.com'
	person below
	by below
	authority mid root 'nameConstraints=critical,permitted;email:example.com'
	person below
	not_by below
	GH_CA=root
}
case_93e() {
	key_of mid
	gh_setup openssl req -new -key "$keys/mid.key" -subj /CN=mid -out "$ca/mid.csr"
	gh_setup openssl x509 -req -in "$ca/mid.csr" -CA "$ca/root.pem" -CAkey "$ca/root.key" \
		-CAcreateserial -days 30 -sha256 -out "$ca/mid.pem"
	cp "$keys/mid.key" "$ca"
	cp "$ca/mid.pem" "$ca/mid.chain"
	GH_CA=mid
	person below 'authorityKeyIdentifier='
	by below
	authority mid root
	person below
	not_by below
	GH_CA=root
}
case_93f() {
	person odd '1.2.3.4=critical,DER:0500'
	by odd
	person odd 'nsCertType=critical,server'
	by odd
	person odd '1.2.3.4=DER:0500' 'nsCertType=server'
	not_by odd
}
case_93h() {
	authority mid root 'policyConstraints=critical,requireExplicitPolicy:0' 'certificatePolicies=1.2.3.4'
	person below
	by below
	person below 'certificatePolicies=1.2.3.5'
	by below
	person below 'certificatePolicies=1.2.3.4'
	not_by below
	GH_CA=root
}
# row COUNT: so many authorities, each below the one before.
row() {
	local i
	authority row1 root
	i=1
	while [ "$i" -lt "$1" ]; do
		i=$((i + 1))
		authority "row$i" "row$((i - 1))"
	done
}
case_93i() {
	row 9
	person below
	by below
	GH_CA=row8
	person below
	not_by below
	GH_CA=root
}
case_93g() {
	person odd 'basicConstraints=critical,CA:true' 'keyUsage=critical,digitalSignature,keyCertSign'
	by odd
	person odd
	not_by odd
}
case_94c() {
	for bits in 1024 2048; do
		key_of rsa RSA -pkeyopt rsa_keygen_bits:$bits
		person rsa
		by rsa
	done
	key_of rsa RSA -pkeyopt rsa_keygen_bits:3072
	person rsa
	not_by rsa
}
case_94d() {
	key_of rsa RSA -pkeyopt rsa_keygen_bits:3072 -pkeyopt rsa_keygen_pubexp:3
	person rsa
	by rsa
	key_of rsa RSA -pkeyopt rsa_keygen_bits:3072
	person rsa
	not_by rsa
}
case_94e() {
	key_of odd EC -pkeyopt ec_paramgen_curve:secp256k1
	person odd
	by odd --signature-oid 2a8648ce3d040302 --digest sha256
	gh_setup openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -out "$ca/dsa"
	gh_setup openssl genpkey -paramfile "$ca/dsa" -out "$keys/odd.key"
	gh_setup openssl pkey -in "$keys/odd.key" -pubout -out "$keys/odd.pub"
	person odd
	draft "$two" >../plain
	gh_setup openssl cms -sign -binary -nosmimecap -md sha256 -signer "$keys/odd.pem" \
		-inkey "$keys/odd.key" -outform PEM -in ../plain -out ../sig
	sed -i 's/ CMS-----/ SIGNED MESSAGE-----/' ../sig
	attack raw_to_main "$(with_header ../sig <../plain | store commit)"
	key_of odd EC -pkeyopt ec_paramgen_curve:P-384
	person odd
	not_by odd
}
case_94f() {
	authority mid root
	person below
	gh_setup openssl x509 -new -force_pubkey "$keys/below.pub" -subj /CN=below -CA "$ca/mid.pem" \
		-CAkey "$ca/mid.key" -set_serial 77 -days 30 -sha1 -extfile "$keys/below.ext" \
		-out "$keys/below.pem"
	by below
	person below
	not_by below
	GH_CA=root
}
case_94g() {
	key_of mid RSA -pkeyopt rsa_keygen_bits:1024
	authority mid root
	person below
	by below
	key_of mid RSA -pkeyopt rsa_keygen_bits:3072
	authority mid root
	person below
	not_by below
	GH_CA=root
	rm "$keys/mid.key"
}
case_100e() {
	authority mid root
	authority low mid
	person below
	gh_setup openssl x509 -new -force_pubkey "$keys/mid.pub" -subj /CN=mid -CA "$ca/low.pem" \
		-CAkey "$ca/low.key" -set_serial 80 -days 30 -sha256 -extfile "$keys/mid.ext" \
		-out "$ca/mid-by-low.pem"
	cat "$ca/low.pem" "$ca/mid-by-low.pem" >"$keys/below.chain"
	by below
	cat "$ca/mid-by-low.pem" "$ca/low.pem" "$ca/mid.pem" >"$keys/below.chain"
	by below
	cat "$ca/low.pem" "$ca/mid.pem" >"$keys/below.chain"
	not_by below
	GH_CA=root
}
case_104e() {
	dated old 20240101000000Z 20250101000000Z
	by old --time 2024-06-01T00:00:00Z
	by old
	dated old 20240101000000Z 20990101000000Z
	not_by old
}
# days_ago N: for openssl ca.
days_ago() {
	perl -MPOSIX=strftime -e 'print strftime "%Y%m%d000000Z", gmtime time - 86400 * shift' "$1"
}
case_104g() {
	printf '[rule "grace"]\n\tref = refs/heads/grace\n\tsigner = alice\n\texpiryGrace = 30d\n' >>../policy
	late() {
		id=$(commit_by "$@")
		RAW_IDS="$id $(git rev-parse 'HEAD^{tree}')" raw "$zero $id refs/heads/grace"
	}
	dated late "$(days_ago 400)" "$(days_ago 40)"
	attack late late --time "$(($(date +%s) - 50 * 86400))"
	dated late "$(days_ago 400)" "$(days_ago 10)"
	attack late late
	attack late late --time "$(($(date +%s) - 401 * 86400))"
	twin late late --time "$(($(date +%s) - 50 * 86400))"
}
case_104f() {
	dated early 20980101000000Z 20990101000000Z
	by early --time 2098-06-01T00:00:00Z
	dated early 20240101000000Z 20990101000000Z
	not_by early
}
case_108a() {
	for until in 20250101000000Z 20990101000000Z; do
		GH_CA=root
		dated mid 20240101000000Z $until authority
		cp "$keys/mid.pem" "$keys/mid.key" "$ca"
		GH_CA=mid
		dated below 20240101000000Z 20990101000000Z
		cp "$ca/mid.pem" "$keys/below.chain"
		if [ $until = 20250101000000Z ]; then
			by below --time 2024-06-01T00:00:00Z
		else
			not_by below
		fi
	done
	GH_CA=root
	rm "$keys/below.chain" "$keys/mid.key"
}
case_109a() {
	authority mid root
	person below 'authorityInfoAccess=caIssuers;URI:http://127.0.0.1:9/mid.der'
	mv "$keys/below.chain" ../chain
	by below
	mv ../chain "$keys/below.chain"
	not_by below
	GH_CA=root
}
case_109b() {
	gh_setup openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$ca/false.key" -subj '/CN=Test authority root' -days 30 \
		-addext 'keyUsage=critical,keyCertSign' -out "$ca/false.pem"
	GH_CA=false
	person twin
	cp "$ca/false.pem" "$keys/twin.chain"
	by twin
	cp "$ca/root.pem" "$keys/twin.chain"
	by twin
	rm "$keys/twin.chain"
	by twin
	GH_CA=root
	person twin
	not_by twin
}
other_authority() {
	gh_authority other
	person stranger
	cp "$ca/other.pem" "$keys/stranger.chain"
}
case_110a() {
	other_authority
	by stranger
	rm "$keys/stranger.chain"
	by stranger
	GH_CA=root
	person stranger
	not_by stranger
}
case_110b() {
	other_authority
	by_other() {
		SSL_CERT_FILE="$ca/other.pem" SSL_CERT_DIR="$ca" raw_to_main "$1"
	}
	attack by_other "$(commit_by stranger)"
	GH_CA=root
	rm "$keys/stranger.chain"
	person stranger
	twin by_other "$(commit_by stranger)"
}
case_110c() {
	key_of self
	gh_setup openssl req -x509 -new -key "$keys/self.key" -subj '/CN=alice' -days 30 \
		-addext 'subjectAltName=email:alice@example.com' -addext 'keyUsage=critical,digitalSignature' \
		-addext 'basicConstraints=critical,CA:false' -out "$keys/self.pem"
	by self
	person self
	not_by self
}
case_111a() {
	key_of dn
	gh_certificate dn alice@example.com 'subjectAltName='
	gh_setup openssl x509 -new -force_pubkey "$keys/dn.pub" \
		-subj '/CN=alice/emailAddress=alice@example.com' -CA "$ca/root.pem" -CAkey "$ca/root.key" \
		-set_serial 78 -days 30 -sha256 -extfile "$keys/dn.ext" -out "$keys/dn.pem"
	by dn
	person dn
	not_by dn
}
# san_der STRING...: a subjectAltName of rfc822Names with just these bytes (short ones).
san_der() {
	perl -e 'my $s = join "", map { chr(0x81) . chr(length) . $_ } @ARGV;
		print "subjectAltName=DER:", join ":", map { sprintf "%02x", ord }
		split //, chr(0x30) . chr(length $s) . $s' "$@"
}
case_111b() {
	person san "subjectAltName=DER:$(perl -e 'my $a = "alice\@example.com\0.evil.org";
		my $s = chr(0x81) . chr(length $a) . $a;
		print join ":", map { sprintf "%02x", ord } split //, chr(0x30) . chr(length $s) . $s')"
	by san
	for a in 'alice@example.com ' ' alice@example.com' \
		"$(printf 'alice@example.com\rx')" 'alice@example.com@example.com' 'alice'; do
		person san "$(san_der "$a")"
		by san
	done
	person san "$(san_der 'alice@example.com' 'x@y z')"
	by san
	person san "$(san_der 'alice@example.com')"
	not_by san
}
case_111c() {
	person two 'subjectAltName=email:alice@example.com,email:bob@example.com'
	by two
	person two 'subjectAltName=email:alice@example.com,email:alice@example.org'
	not_by two
}
case_111d() {
	for n in 'otherName:1.3.6.1.4.1.311.20.2.3;UTF8:alice@example.com' 'URI:mailto:alice@example.com' \
		'DNS:alice@example.com' 'RID:1.2.3.4'; do
		person odd "subjectAltName=$n"
		by odd
	done
	person odd 'subjectAltName=email:alice@example.com,URI:mailto:bob@example.com'
	not_by odd
}
case_111e() {
	person odd "$(san_der 'x@evil.org,email:alice@example.com')"
	by odd
	person odd "$(san_der 'x@evil.org, email:alice@example.com')"
	by odd
	person odd 'subjectAltName=email:x@evil.org,email:alice@example.com'
	not_by odd
}
case_111f() {
	person odd 'subjectAltName=email:Alice@example.com'
	by odd
	person odd "$(san_der 'alice@example.com.')"
	by odd
	person odd 'subjectAltName=otherName:1.3.6.1.5.5.7.8.9;UTF8:alice@example.com'
	by odd
	person odd 'subjectAltName=email:alice@EXAMPLE.com'
	not_by odd
}
# all_policy: any address of the authority's domain signs refs/heads/all, but who has a
# section of his own is what that says: bob, who has left, and carol, who has one key.
all_policy() {
	sed '/roots = /a\	emailDomain = example.com' ../base/policy | sed '/^\[signer "bob"\]/a\	validUntil = 2020-01-01' >../policy
	{
		printf '[signer "carol"]\n\temail = carol@example.com\n\tspki = sha256:%064d\n' 0
		printf '[rule "all"]\n\tref = refs/heads/all\n\tsigner = trust:corp\n'
	} >>../policy
}
case_111g() {
	all_policy
	to_all() {
		draft_by="x <$1>"
		set -- "$1" "$(commit_by any)"
		draft_by='alice <alice@example.com>'
		RAW_IDS="$2 $(git rev-parse 'HEAD^{tree}')" raw "$zero $2 refs/heads/all"
	}
	for a in new@example.org new@sub.example.com new@example.com.evil.org bob@example.com; do
		person any "subjectAltName=email:$a"
		attack to_all "$a"
	done
	person any 'subjectAltName=email:carol@example.com'
	attack_want='has an address of signer carol, but is none'
	attack to_all carol@example.com
	person any 'subjectAltName=email:new@example.com'
	attack to_all other@example.com
	twin to_all new@example.com
}
case_114a() {
	key_of same
	gh_certificate same other@example.com
	gh_setup openssl x509 -new -force_pubkey "$keys/same.pub" -subj '/CN=alice' -CA "$ca/root.pem" \
		-CAkey "$ca/root.key" -set_serial 79 -days 30 -sha256 -extfile "$keys/same.ext" \
		-out "$keys/same.pem"
	by same
	person same
	not_by same
}

attack_run
