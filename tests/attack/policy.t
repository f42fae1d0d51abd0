#!/bin/sh
# Attacks on the policy file and by what stands in it.
#
# shellcheck disable=SC2154,SC2034 # $zero, $one, $two come from lib.sh
. "${GH_SRC:-tests}/attack/lib.sh"

attack_world
gh_authority other
GH_CA=root
spki() {
	openssl pkey -pubin -in "$GH_WORLD/keys/$1.pub" -outform DER | openssl dgst -sha256 -r | cut -c1-64
}
# next: a commit by alice that the server does not have; refuses [WHY TEXT]... adds each text
# to the policy, tries to push, which has to be refused for WHY, and takes the text back.
next() {
	hk_commit 'next'
}
base_policy() {
	cp ../base/policy ../policy
}
refuses() {
	while [ $# -gt 0 ]; do
		base_policy
		printf "$2" >>../policy
		attack_want=$1
		attack push main
		shift 2
	done
	base_policy
}
takes() {
	printf "$1" >>../policy
	twin push main
}
# serial N: the policy with this serial.
serial() {
	sed "s/^version = 1/&\n\tserial = $1/" ../base/policy >../policy
}

case_21a() {
	serial 20
	hk_commit 'three'
	gh_setup git push -q origin main
	hk_commit 'four'
	serial 19
	attack push main
	sed -i '/serial/d' ../policy
	attack push main
	serial 21
	twin push main
}
case_21b() {
	serial 20
	hk_commit 'three'
	gh_setup git push -q origin main
	hk_commit 'four'
	printf '[rule "more"]\n\tref = refs/more/*\n\tsigner = alice\n' >>../policy
	attack push main
	serial 20
	twin push main
}
case_22a() {
	next
	mv ../policy ../elsewhere
	attack push main
	git -C ../server config --unset hsm.policy
	attack push main
	git -C ../server config hsm.policy ''
	attack push main
	mv ../elsewhere ../policy
	git -C ../server config hsm.policy "$GH_WORLD/policy"
	twin push main
}
case_23a() {
	next
	mkdir -m 777 ../open
	cp ../policy ../open/policy
	ln -sf open/policy ../policy
	attack push main
	rm ../policy
	mkdir ../policy
	attack push main
	rmdir ../policy
	mkfifo -m 600 ../policy
	attack timeout 60 git push origin main
	rm ../policy
	base_policy
	twin push main
}
case_23b() {
	next
	for part in policy ca/root.pem ca; do
		chmod o+w "../$part"
		attack push main
		chmod o-w "../$part"
	done
	twin push main
}
case_23c() {
	next
	refuses 'a NUL byte' '# \000 more\n' \
		'a NUL byte' '[rule "x"]\n\tref = refs/x\000y\n\tsigner = alice\n' \
		'ref is "refs/.x1bx"' '[rule "x"]\n\tref = refs/\033x\n\tsigner = alice\n' \
		'ref is "refs/.xff"' '[rule "x"]\n\tref = refs/\377\n\tsigner = alice\n' \
		'is no name for a rule' '[rule "\302\233"]\n\tref = refs/x\n\tsigner = alice\n' \
		'is no name for a rule' '[rule "\377"]\n\tref = refs/x\n\tsigner = alice\n' \
		'email is' '[signer "x"]\n\temail = a\033@example.com\n\ttrust = corp\n'
	attack_want='more than 1048576 bytes'
	perl -e 'print "#" x 1023, "\n" for 1 .. 204800' >>../policy
	attack push main
	base_policy
	takes '# \303\251\n'
}
case_23d() {
	next
	x='[rule "x"]\n\tref = refs/x\n\tsigner = alice\n'
	refuses "commits' stands twice" "$x\tcommits = signed\n\tcommits = any\n" \
		"unknown key .email' in \[rule\]" "$x\temail = a@example.com\n" \
		"unknown key .commit' in" "$x\tcommit = any\n" \
		'unknown section \[rules\]' '[rules "x"]\n\tref = refs/x\n' \
		'\[rule\] has no name' '[rule]\n\tref = refs/x\n' \
		'this section stands already' '[policy]\n\tmode = report\n' \
		'rewind is "yes"' "$x\trewind = yes\n" \
		"ref' has no value" "$x\tref = \n" \
		"unknown key .x' in" 'x = y\n' \
		'is missing behind a subsection' '[rule "x"\n'
	takes '[rule "x"]\n\tref = refs/x\n\tsigner = alice\n\tcommits = any\n'
}
case_23e() {
	next
	printf '[rule "x"]\n\tref = refs/heads/main\n\tsigner = anyone\n' >../more
	chmod 644 ../more
	refuses 'includes no other files' "[include]\n\tpath = $GH_WORLD/more\n" \
		'includes no other files' "[includeIf \"gitdir:/\"]\n\tpath = $GH_WORLD/more\n"
	takes '# [include]\n'
}
case_134a() {
	next
	refuses 'signer alice stands twice' '[role "x"]\n\tsigner = alice\n\tsigner = alice\n' \
		'there is no signer "carol"' '[role "x"]\n\tsigner = carol\n' \
		'there is no role "nobody"' '[rule "x"]\n\tref = refs/x\n\tsigner = role:nobody\n' \
		"signer' is missing in this \[rule\]" '[rule "x"]\n\tref = refs/x\n' \
		"ref' is missing in this" '[rule "x"]\n\tsigner = alice\n' \
		"signer' is missing in this \[role\]" '[role "x"]\n' \
		'anyone stands with other signers' \
		'[rule "x"]\n\tref = refs/x\n\tsigner = alice\n\tsigner = anyone\n' \
		'"carol" has no key' '[signer "carol"]\n\temail = carol@example.com\n' \
		'there is no trust "nowhere"' \
		'[signer "carol"]\n\temail = carol@example.com\n\ttrust = nowhere\n'
	takes '[role "x"]\n\tsigner = alice\n[rule "x"]\n\tref = refs/x\n\tsigner = role:x\n'
}
rules_ab() { # A-ACCEPTS B-ACCEPTS
	printf '[rule "a"]\n\tref = refs/a\n\tsigner = alice\n\t%s\n[rule "b"]\n\tref = refs/b\n\tsigner = alice\n\t%s\n' \
		"$1" "$2"
}
case_134b() {
	next
	refuses 'by way of others, itself' "$(rules_ab 'accepts = b' 'accepts = a')" \
		'accepts its own commits' "$(rules_ab 'accepts = a' '')" \
		'there is no rule "nowhere"' "$(rules_ab 'accepts = nowhere' '')"
	takes "$(rules_ab 'accepts = b' '')"
}
case_150a() {
	next
	already='this section stands already at line'
	refuses "$already" '[rule "main"]\n\tref = refs/heads/main\n\tsigner = anyone\n' \
		"$already" '[rule "main"]\n\tsigner = bob\n' \
		"$already" '[signer "alice"]\n\temail = mallory@example.com\n\ttrust = corp\n' \
		"$already" '[role "maintainers"]\n\tsigner = bob\n'
	takes '[rule "main2"]\n\tref = refs/heads/main2\n\tsigner = anyone\n'
}
case_17e() {
	next
	refuses 'ties with rule "tip"' '[rule "x"]\n\tref = refs/heads/tip/*\n\tsigner = alice\n' \
		'ties with rule "main"' '[rule "x"]\n\tref = refs/heads/main\n\tsigner = anyone\n' \
		'ties with rule "tip"' '[rule "x"]\n\tref = refs/heads/tip/*a\n\tsigner = alice\n' \
		'ties with rule "tip"' '[rule "x"]\n\tref = refs/heads/tip/**\n\tsigner = alice\n'
	takes '[rule "x"]\n\tref = refs/heads/tip/a*\n\tsigner = alice\n'
}
case_130a() {
	next
	hers="email alice@example.com is signer alice's"
	refuses "$hers" '[signer "twin"]\n\temail = alice@example.com\n\ttrust = corp\n' \
		"$hers" "[signer \"twin\"]\n\temail = ALICE@x.example\n\temail = alice@EXAMPLE.com\n\ttrust = corp\n" \
		"spki sha256:$(spki bob) is signer a's" "$(printf '[signer "a"]\\n\\tspki = sha256:%s\\n[signer "b"]\\n\\tspki = sha256:%s\\n' "$(spki bob)" "$(spki bob)")"
	takes "[signer \"a\"]\n\tspki = sha256:$(spki mallory)\n\tvalidUntil = 2020-01-01\n[signer \"b\"]\n\tspki = sha256:$(spki mallory)\n\tvalidFrom = 2020-01-01\n"
}
case_19a() {
	next
	sed 's/version = 1/version = 99/' ../base/policy >../policy
	attack_want='this file is of version 99'
	attack push main
	refuses "approvals' is not supported" '[rule "x"]\n\tref = refs/x\n\tsigner = alice\n\tapprovals = 2\n' \
		"sshKey' is not supported" '[signer "x"]\n\temail = x@example.com\n\tsshKey = ssh-ed25519 AAAA\n'
	takes ''
}
# alice_until WORDS: alice's section with a window.
alice_window() {
	sed "s/^\[signer \"alice\"\]/&\n\t$1/" ../base/policy >../policy
}
case_121a() {
	next
	alice_window 'validUntil = 2020-01-01'
	attack push main
	alice_window 'validFrom = 2120-01-01'
	attack push main
	alice_window 'validUntil = 2120-01-01'
	twin push main
}
case_121b() {
	next
	perl -0777 -pe 's/\[signer "alice"\].*?(?=\n\[)//s; s/\[rule "releases"\].*?(?=\n\[)//s;
		s/\n\t*signer = alice(?=\n)//g' ../base/policy >../policy
	attack push main
	base_policy
	twin push main
}
case_106a() {
	GIT_COMMITTER_DATE='2001-01-01T00:00:00Z' hk_commit 'backdated'
	refuses 'the key of certificate /CN=alice is revoked since 2020' \
		"[revoked \"x\"]\n\tspki = sha256:$(spki alice)\n\tsince = 2020-01-01\n" \
		': certificate /CN=alice is revoked' "[revoked \"x\"]\n\tcertificate = sha256:$(gh_fp alice)\n" \
		'the key of certificate /CN=alice is revoked .keyCompromise' "[revoked \"x\"]\n\tspki = sha256:$(spki alice)\n\treason = keyCompromise\n"
	takes "[revoked \"x\"]\n\tspki = sha256:$(spki bob)\n[revoked \"y\"]\n\tspki = sha256:$(spki alice)\n\tsince = 2120-01-01\n"
}
# other_form NAME: the certificate of NAME with the other form of its issuer's ECDSA signature.
other_form() {
	openssl x509 -in "$GH_WORLD/keys/$1.pem" -outform DER | perl -MMath::BigInt -e 'undef $/; binmode STDIN;
		$_ = <STDIN>; /\x03(.)\0(\x30.\x02(.))/s or die; my $end;
		for my $i (0 .. length) { $end = $i if substr($_, $i) =~ /^\x03(.)\0\x30(.)\x02/s &&
			$i + 2 + ord $1 == length && ord($1) == ord($2) + 3 }
		my $tail = substr $_, $end; my $r = substr $tail, 5, 2 + ord substr $tail, 6, 1;
		my $s = Math::BigInt->from_hex(unpack "H*", substr $tail, 7 + length $r);
		my $n = Math::BigInt->from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
		my $h = ($n - $s)->to_hex; $h = "0$h" if length($h) % 2; $h = "00$h" if $h =~ /^[89a-f]/;
		my $x = pack "H*", $h; my $seq = $r . "\x02" . chr(length $x) . $x;
		my $tbs = substr $_, 4, $end - 4; $seq = "\0\x30" . chr(length $seq) . $seq;
		my $body = $tbs . "\x03" . chr(length $seq) . $seq;
		print "\x30\x82", pack("n", length $body), $body' |
		openssl x509 -inform DER -out "$GH_WORLD/keys/$1.pem"
}
case_106c() {
	printf '[revoked "x"]\n\tcertificate = sha256:%s\n' "$(gh_fp mallory)" >>../policy
	GH_CA=root
	cp ../keys/alice.pem ../keys/alice.was
	printf '[revoked "y"]\n\tcertificate = sha256:%s\n' "$(gh_fp alice)" >../revoked
	other_form alice
	twin raw_to_main "$(commit_by alice)"
	two=$(git -C ../server rev-parse main)
	cat ../revoked >>../policy
	attack raw_to_main "$(commit_by alice)"
	cp ../keys/alice.was ../keys/alice.pem
	attack raw_to_main "$(commit_by alice)"
	two=$(git rev-parse HEAD)
}
case_110d() {
	printf '[trust "other"]\n\troots = %s\n' "$GH_WORLD/ca/other.pem" >>../policy
	GH_CA=other
	gh_certificate mallory alice@example.com
	GH_CA=root
	attack raw_to_main "$(commit_by mallory)"
	gh_certificate mallory alice@example.com
	twin raw_to_main "$(commit_by mallory)"
	gh_certificate mallory mallory@example.com
}
case_110e() {
	cp ../policy ../policy.plain
	# both TRUST: alice's laptop counts with a certificate of that authority.
	both() {
		sed '/^\[signer "alice"\]/,/^\[/s/^trust = corp$//' ../policy.plain >../policy
		printf '[trust "other"]\n\troots = %s\n[key "laptop"]\n\tsigner = alice\n\ttrust = %s\n' \
			"$GH_WORLD/ca/other.pem" "$1" >>../policy
	}
	hk_commit 'of her key'
	both other
	attack push HEAD:main
	both corp
	twin push HEAD:main
}
case_135a() {
	printf '[rule "bobs"]\n\tref = refs/heads/bobs\n\tsigner = bob\n[rule "alices"]\n\tref = refs/heads/alices\n\tsigner = alice\n' >>../policy
	gh_setup git checkout -q --orphan bobs
	hk_as bob
	hk_commit 'by bob'
	attack push bobs HEAD:refs/heads/alices
	attack push HEAD:refs/heads/alices bobs
	twin push bobs HEAD:refs/heads/bobs-too
}
case_135b() {
	cp "$GH_WORLD/keys/mallory.key" "$GH_WORLD/keys/forger.key"
	cp "$GH_WORLD/keys/alice.pem" "$GH_WORLD/keys/forger.pem"
	tree=$(git rev-parse 'HEAD^{tree}')
	ids=$tree
	tip=$two
	for i in 1 2 3 4 5 6; do
		draft_message="number $i"
		tip=$(draft "$tip" | signed alice --no-ess | store commit)
		ids="$ids $tip"
	done
	good=$tip
	tip=$(draft "$tip" | signed forger --no-ess | store commit)
	RAW_IDS="$ids $tip" attack raw "$two $tip refs/heads/main"
	RAW_IDS="$ids" twin raw "$two $good refs/heads/main"
}
case_137c() {
	printf '[limits]\n\trefs = 3\n' >>../policy
	next
	attack push main HEAD:refs/heads/a HEAD:refs/heads/b HEAD:refs/heads/c
	twin push main HEAD:refs/heads/a HEAD:refs/heads/b
}
# The disk is slow: objects come from `git cat-file`, as libgit2 does not know the extension.
case_137d() {
	printf '[limits]\n\ttime = 1\n' >>../policy
	git -C ../server config core.repositoryFormatVersion 1
	git -C ../server config extensions.preciousObjects true
	mkdir ../slow
	printf '#!/bin/sh\ncase "$*" in *cat-file*) sleep 60 ;; esac\nexec "%s" "$@"\n' \
		"$(command -v git)" >../slow/git
	chmod 755 ../slow/git
	rm ../server/hooks/pre-receive
	printf '#!/bin/sh\nPATH="%s/slow:$PATH"\nexec "%s/pre-receive"\n' "$GH_WORLD" "$GH_HOOKS" \
		>../server/hooks/pre-receive
	chmod 755 ../server/hooks/pre-receive
	next
	attack push main
	rm ../slow/git
	sed -i 's/time = 1$/time = 30/' ../policy # this machine may be slow too
	twin push main
}

attack_run
