# shellcheck shell=sh
# hook-lib.sh: a server with the hook, people with keys in files, a raw client.
# Source it after lib.sh; signatures are made by `openssl cms`, so that nothing here
# depends on the signing program.
#
# shellcheck disable=SC3043

# hk_world: gh_world with alice and bob in the policy, and mallory outside of it.
hk_world() {
	gh_world
	cat >"$GH_WORLD/signer" <<-EOF
		#!/bin/sh
		# gpg.x509.program: \$4 of "--status-fd=2 -bsau KEY" is the key.
		for key; do :; done
		export OPENSSL_CONF=/dev/null
		set -- -sign -binary -nosmimecap -md sha256 -signer "$GH_WORLD/keys/\$key.pem" \\
			-inkey "$GH_WORLD/keys/\$key.key" -outform PEM
		out=\$(openssl cms "\$@") || exit 1
		printf '%s\n' "\$out" | sed 's/ CMS-----/ SIGNED MESSAGE-----/'
		echo >&2
		echo '[GNUPG:] SIG_CREATED ' >&2
	EOF
	chmod 755 "$GH_WORLD/signer"
	git config --global gpg.x509.program "$GH_WORLD/signer"
	hk_key alice alice@example.com
	hk_key bob bob@example.com
	hk_key mallory mallory@example.com
	hk_policy
	hk_server server
	gh_repo work
	cd "$GH_WORLD/work" || bail "cd work"
	git remote add origin "$GH_WORLD/server"
	hk_as alice
}

# hk_key NAME EMAIL: a key in a file, with a certificate by $GH_CA.
hk_key() {
	gh_setup openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out "$GH_WORLD/keys/$1.key"
	gh_setup openssl pkey -in "$GH_WORLD/keys/$1.key" -pubout -out "$GH_WORLD/keys/$1.pub"
	gh_certificate "$1" "$2"
}

# hk_as NAME: git commits and signs as this one from here on.
hk_as() {
	git config --global user.signingKey "$1"
	git config --global user.name "$1"
	git config --global user.email "$(cat "$GH_WORLD/keys/$1.email")"
}

# hk_policy [FILE]: the policy of these tests; standard input replaces its rules.
hk_rules() {
	cat <<-EOF
		[rule "main"]
			ref = refs/heads/main
			commits = signed
			signer = role:maintainers
		[rule "releases"]
			ref = refs/tags/**
			tag = signed
			target = any
			signer = alice
		[rule "work"]
			ref = refs/heads/**
			commits = any
			signer = anyone
			rewind = allow
			delete = allow
			keylessUpdate = allow
		[rule "tip"]
			ref = refs/heads/tip/*
			commits = tip
			signer = anyone
	EOF
}
hk_head() {
	cat <<-EOF
		[policy]
			version = 1
		[trust "corp"]
			roots = $GH_WORLD/ca/root.pem
		[signer "alice"]
			email = alice@example.com
			trust = corp
		[signer "bob"]
			email = bob@example.com
			trust = corp
		[role "maintainers"]
			signer = alice
			signer = bob
	EOF
}
hk_policy() {
	{
		hk_head
		hk_rules
	} >"$GH_WORLD/policy"
	chmod 644 "$GH_WORLD/policy"
}

# hk_server NAME: a bare repository with the hook and the policy.
hk_server() {
	gh_bare "$1"
	chmod -R go-w "$GH_WORLD/$1"
	rm -f "$GH_WORLD/$1"/hooks/*
	ln -s "$GH_HOOKS/pre-receive" "$GH_WORLD/$1/hooks/pre-receive"
	git -C "$GH_WORLD/$1" config hsm.policy "$GH_WORLD/policy"
}

# hk_commit MESSAGE [OPTION...]: a signed commit in the current repository, with a new
# file: an amend refuses to make an empty commit again.
hk_file() {
	hk_files=$((${hk_files:-0} + 1))
	echo "$hk_files" >"file$hk_files"
	gh_setup git add "file$hk_files"
}
hk_commit() {
	local message
	message=$1
	shift
	hk_file
	gh_setup git commit -q -S -m "$message" "$@"
}
# hk_unsigned MESSAGE
hk_unsigned() {
	hk_file
	gh_setup git commit -q --no-gpg-sign -m "$1"
}

hk_at() {
	git -C "$GH_WORLD/server" rev-parse -q --verify "$1"
}

# said PATTERN: a line of what the last push printed, without "remote: " and padding.
said() {
	sed -n 's/^remote: //p' "$GH_ERR" | sed 's/ *$//'
}

# accepted DESC PUSH-WORDS...; refused DESC PATTERN PUSH-WORDS...: git push, and that
# the words of the hook are what they should be.
accepted() {
	local desc
	desc=$1
	shift
	gh_run git push "$@"
	if [ "$GH_STATUS" = 0 ] && [ "$(said | wc -l)" = 1 ] &&
		said | grep -q '^gitsign-hsm: accepted'; then
		pass "$desc"
	else
		fail "$desc"
		gh_show git push "$@"
	fi
}
refused() {
	local desc pattern
	desc=$1
	pattern=$2
	shift 2
	gh_run git push "$@"
	if [ "$GH_STATUS" = 1 ] && grep -q 'pre-receive hook declined' "$GH_ERR" &&
		said | grep -Eq -e "$pattern" && ! said | grep -Eq '.{73}'; then
		pass "$desc"
	else
		fail "$desc"
		diag "wanted: $pattern"
		gh_show git push "$@"
	fi
}

# raw COMMAND...: sends commands as they are ("old new ref"), with every object of the
# current repository; output in $GH_ERR, status 0 when the server took all of them.
raw() {
	perl "$GH_SRC/system/raw-push.pl" "$GH_WORLD/server" "$@"
}
raw_accepted() {
	local desc
	desc=$1
	shift
	ok "$desc" raw "$@"
}
raw_refused() {
	local desc pattern
	desc=$1
	pattern=$2
	shift 2
	gh_run raw "$@"
	# git's own "ng" line has the name as it was sent. What was not sent git refuses too.
	if [ "$GH_STATUS" = 1 ] &&
		grep -Eq 'pre-receive hook declined|missing necessary objects' "$GH_OUT" &&
		grep -Eq -e "$pattern" "$GH_OUT" &&
		! grep -v '^ng ' "$GH_OUT" | grep -q "$(printf '[\001-\010\013-\037]')"; then
		pass "$desc"
	else
		fail "$desc"
		diag "wanted: $pattern"
		gh_show raw "$@"
	fi
}

# hk_entry ENTRY PERL: the record with the fields @f of an entry changed, all sums right.
hk_entry() {
	perl -MDigest::SHA=sha256_hex -e '
		my ($file, $entry, $change) = @ARGV;
		my ($out, $sum) = ("", "0" x 32);
		open my $in, "<", $file or die $!;
		while (<$in>) {
			chomp;
			our @f = split / /;
			pop @f;
			eval "$change; 1" or die $@ if $f[2] eq "p" && $f[1] == $entry;
			my $line = join " ", @f;
			$sum = substr sha256_hex($sum . $line), 0, 32;
			$out .= "$line $sum\n";
		}
		open my $to, ">", $file or die $!;
		print $to $out;
	' "$GH_WORLD/server/gitsign-hsm/record" "$1" "$2"
}
# hk_received ENTRY SECONDS: as if a clock had said so.
hk_received() {
	hk_entry "$1" "\$f[3] = $2"
}
# hk_unbound ENTRY: as if its push had not been seen.
hk_unbound() {
	hk_entry "$1" '$f[0] = "v1"; $#f = 10'
}
