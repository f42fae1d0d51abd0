#!/bin/sh
# Attacks on revocation: lists made by `openssl ca`, judged at the time of the push.
#
# shellcheck disable=SC2154,SC2034 # $zero, $one, $two come from lib.sh
. "${GH_SRC:-tests}/attack/lib.sh"

attack_world
ca=$GH_WORLD/ca
keys=$GH_WORLD/keys
# The configuration, and a database, of each authority.
authority_db() { # NAME [MORE extension lines]
	mkdir -p "$ca/db-$1"
	: >"$ca/db-$1/index"
	echo 01 >"$ca/db-$1/number"
	cat >"$ca/db-$1/cnf" <<-EOF2
		[ca]
		default_ca = x
		[x]
		database = $ca/db-$1/index
		crlnumber = $ca/db-$1/number
		default_md = sha256
		crl_extensions = ext
		[ext]
		authorityKeyIdentifier = keyid:always
		${2-}
	EOF2
}
ca() { # NAME WORDS...
	local name
	name=$1
	shift
	gh_setup openssl ca -config "$ca/db-$name/cnf" -cert "$ca/$name.pem" -keyfile "$ca/$name.key" "$@"
}
list() { # NAME [WORDS...]: its list, as it is now
	local name
	name=$1
	shift
	ca "$name" -gencrl -crldays 7 "$@" -out "$ca/$name.new"
	chmod 644 "$ca/$name.new"
	mv "$ca/$name.new" "$ca/$name.crl"
}
crl_policy() { # [LINE...]: of [trust "corp"]
	{
		hk_head | sed '/roots = /q'
		for l; do echo "$l"; done
		hk_head | sed '1,/roots = /d'
		hk_rules
	} >../policy
	chmod 644 ../policy
}
# world: a fresh database of the root's, an empty list, the policy that names it.
world() {
	authority_db root
	list root
	crl_policy "crl = $ca/root.crl"
}
by_alice() { raw_to_main "$(commit_by alice "$@")"; }
by_bob() {
	draft_by='bob <bob@example.com>'
	raw_to_main "$(commit_by bob "$@")"
	set -- $?
	draft_by='alice <alice@example.com>'
	return "$1"
}

case_105a() {
	world
	ca root -revoke "$keys/bob.pem" -crl_reason keyCompromise
	list root
	attack by_bob --time 2020-01-01T00:00:00Z
	attack by_bob
	twin by_alice
}
case_105b() {
	world
	# revoked INVALIDITY-DATE: in a list that says so from 2049 on (a UTCTime has no later year).
	revoked() {
		: >"$ca/db-root/index"
		ca root -revoke "$keys/bob.pem" -crl_compromise "$1"
		sed -i 's/\t[0-9]*Z,/\t490101000000Z,/' "$ca/db-root/index"
		list root
	}
	revoked 20200101000000Z
	attack by_bob
	revoked 20480101000000Z
	twin by_bob
}
case_106b() {
	world
	cp "$keys/bob.key" "$keys/again.key"
	cp "$keys/bob.pub" "$keys/again.pub"
	gh_certificate again bob@example.com
	cp "$keys/bob.pem" "$ca/old-bob.pem"
	ca root -revoke "$keys/bob.pem" -crl_reason keyCompromise
	list root
	cat "$ca/old-bob.pem" >>"$ca/root.crl"
	draft_by='bob <bob@example.com>'
	attack raw_to_main "$(commit_by again)"
	hk_key fresh bob@example.com
	twin raw_to_main "$(commit_by fresh)"
}
case_107a() {
	world
	list root -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z
	attack by_alice
	list root
	twin by_alice
}
case_107b() {
	world
	authority_db root '2.5.29.27 = critical,DER:020101'
	list root
	attack by_alice
	for idp in 'indirectCRL:TRUE' 'onlyuser:TRUE' 'onlysomereasons:keyCompromise'; do
		authority_db root 'issuingDistributionPoint = critical,@idp'
		printf '[idp]\n%s\n' "$idp" | sed 's/:/ = /' >>"$ca/db-root/cnf"
		list root
		attack by_alice
	done
	world
	twin by_alice
}
case_107c() {
	world
	gh_authority other
	authority_db other
	list other
	cp "$ca/other.crl" "$ca/root.crl"
	attack by_alice
	gh_setup openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$ca/false.key" -subj '/CN=Test authority root' -days 30 \
		-addext 'keyUsage=critical,keyCertSign,cRLSign' -addext "subjectKeyIdentifier=$(
			openssl x509 -in "$ca/root.pem" -noout -ext subjectKeyIdentifier | tail -n 1 | tr -d ' :'
		)" -out "$ca/false.pem"
	authority_db false
	list false
	cp "$ca/false.crl" "$ca/root.crl"
	attack by_alice
	GH_CA=root
	list root
	twin by_alice
}
case_107d() {
	world
	rm "$ca/root.crl"
	attack by_alice
	: >"$ca/root.crl"
	attack by_alice
	list root
	chmod 666 "$ca/root.crl"
	attack by_alice
	chmod 644 "$ca/root.crl"
	twin by_alice
}
# under ROOT-NAME USAGE: a root of its own, with what its key may do.
under() {
	gh_setup openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$ca/$1.key" -subj "/CN=Test authority $1" -days 30 \
		-addext "keyUsage=critical,$2" -out "$ca/$1.pem"
	chmod 644 "$ca/$1.pem"
	authority_db "$1"
	list "$1"
	GH_CA=$1
	hk_key below alice@example.com
	GH_CA=root
	sed -i "s|roots = .*|roots = $ca/$1.pem|; s|crl = .*|crl = $ca/$1.crl|" ../policy
}
case_107e() {
	world
	under norl keyCertSign
	attack raw_to_main "$(commit_by below)"
	under norl keyCertSign,cRLSign
	twin raw_to_main "$(commit_by below)"
}
intermediate() {
	gh_authority sub root
	authority_db sub
	list sub
	hk_key below alice@example.com
	cp "$ca/sub.pem" "$keys/below.chain"
	GH_CA=root
}
case_107f() {
	world
	intermediate
	attack raw_to_main "$(commit_by below)"
	crl_policy "crl = $ca/root.crl" "crl = $ca/sub.crl"
	twin raw_to_main "$(commit_by below)"
	rm "$keys/below.chain"
}
case_108b() {
	world
	intermediate
	crl_policy "crl = $ca/root.crl" "crl = $ca/sub.crl"
	ca root -revoke "$ca/sub.pem"
	list root
	attack raw_to_main "$(commit_by below)"
	world
	crl_policy "crl = $ca/root.crl" "crl = $ca/sub.crl"
	twin raw_to_main "$(commit_by below)"
	rm "$keys/below.chain"
}
case_107g() {
	world
	authority_db root '1.2.3.4 = critical,DER:0500'
	list root
	attack by_alice
	authority_db root '1.2.3.4 = DER:0500'
	list root
	twin by_alice
}

attack_run
