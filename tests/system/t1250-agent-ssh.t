#!/bin/sh
# shellcheck disable=SC2016 # perl's variables
# The socket for ssh: what is signed for ssh's own programs, and what never is.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"
gh_need ssh-add

agent_world
LOG=$HOME/.local/state/gitsign-hsm/agent.log
git config --global hsm.agent required
gh_key rita rsa:2048 rita@example.com
gh_key paul EC:secp384r1 paul@example.com
gh_key petra EC:secp521r1 petra@example.com
gh_key edith EC:edwards25519 edith@example.com
SSH=$XDG_RUNTIME_DIR/gitsign-hsm/ssh
export SSH_AUTH_SOCK="$SSH"
unset DISPLAY WAYLAND_DISPLAY
last() { tail -n 1 "$LOG"; }

# request HEX: one request to ssh's socket, the answer in hex.
request() {
	perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 9;
		$s->autoflush(1); print $s pack("H*", $ARGV[1]); shutdown($s, 1);
		local $/; my $r = <$s>; print unpack("H*", defined $r ? $r : "")' "$SSH" "$1"
}
# sign_request FILE DATAFILE [FLAGS]: a plain sign request with the key in FILE (ssh's
# one-line form) over the bytes of DATAFILE, as hex.
sign_request() {
	perl -MMIME::Base64 -e 'local $/; open F, "<", $ARGV[0]; my $k = decode_base64((split " ", <F>)[1]);
		open D, "<:raw", $ARGV[1]; my $d = <D>;
		print unpack "H*", pack "N/a*", "\x0d" . pack("N/a*N/a*N", $k, $d, $ARGV[2] // 0)' "$@"
}
# refused DESCRIPTION KEY DATAFILE [FLAGS]: and the log has it.
refused() {
	local before
	before=$(wc -l <"$LOG")
	is "$1" "$(request "$(sign_request "$2" "$3" "${4-0}")")" 0000000105
	is "$1: one line in the log" "$(tail -n "+$((before + 1))" "$LOG" |
		grep -c '"purpose":"ssh[a-z ]*".*"result":"refused","reason":"[^"]')" 1
}

# --- off -----------------------------------------------------------------------------
ok 'an agent' raw
not_ok 'has no socket for ssh by itself' test -e "$SSH"
agent_end
for k in alice rita paul petra edith; do git config --global --add hsm.sshKey "$(gh_fp $k)"; done
ok 'with hsm.sshKey' raw
ok 'it has' test -S "$SSH"
is 'for its owner only' "$(stat -c %a "$SSH")" 700
like 'as status says' "$(agent status)" "^socket for ssh: $SSH\$"

# --- listing ---------------------------------------------------------------------------
ok 'ssh-add lists the keys' ssh-add -L
is 'all five' "$(wc -l <"$GH_OUT" | tr -d ' ')" 5
cp "$GH_OUT" ../keys.list
i=0
for k in alice rita paul petra edith; do
	i=$((i + 1))
	sed -n "${i}p" ../keys.list >"../$k.pub"
	[ "$k" = edith ] || ssh-keygen -i -m PKCS8 -f "../keys/$k.pub" >"../$k.want" 2>/dev/null
	[ "$k" = edith ] || is "$k: it is the token's key" "$(cut -d' ' -f1,2 <"../$k.pub")" \
		"$(cut -d' ' -f1,2 <"../$k.want")"
done
like 'an Ed25519 key' "$(cat ../edith.pub)" '^ssh-ed25519 AAAA'
ok 'and their fingerprints' ssh-add -l

# --- SSHSIG --------------------------------------------------------------------------------
echo 'some text' >../text
for k in alice rita paul petra edith; do
	sed "s/^/$k@example.com /" "../$k.pub" >>../allowed
	rm -f ../text.sig
	ok "$k: ssh-keygen signs a file" ssh-keygen -q -Y sign -n file -f "../$k.pub" ../text
	ok "$k: and it is good" sh -c 'ssh-keygen -q -Y verify -n file -f ../allowed \
		-I '$k'@example.com -s ../text.sig <../text'
done
like 'the log says so' "$(last)" '"purpose":"sshsig","key":"[0-9a-f]{64}","result":"signed"'
rm -f ../text.sig
mv "$LOG" "$LOG.kept"
mkdir "$LOG"
exits 255 'nothing is signed that cannot be logged' ssh-keygen -q -Y sign -n file -f ../alice.pub ../text
not_ok 'no signature is there' test -e ../text.sig
rmdir "$LOG"
mv "$LOG.kept" "$LOG"
for n in git email x; do
	exits 255 "the namespace $n is refused" ssh-keygen -q -Y sign -n $n -f ../alice.pub ../text
	like 'and logged' "$(last)" "\"refused\".*namespace .*$n.* is not one of hsm.sshNamespace"
done
git config --global --add hsm.sshNamespace other
agent_end
ok 'an agent with another namespace' raw
ok 'signs it' ssh-keygen -q -Y sign -n other -f ../alice.pub ../text
rm -f ../text.sig
exits 255 'and only that' ssh-keygen -q -Y sign -n file -f ../alice.pub ../text
git config --global --unset-all hsm.sshNamespace
agent_end
ok 'as before' raw

# --- everything else -----------------------------------------------------------------------
# A ready set of signed attributes: what CMS signs. With it anybody would make commits.
perl -e 'print pack "H*", "314b301806092a864886f70d010903310b06092a864886f70d010701302f06092a864886f70d01090431220420" . "00" x 32' >../attrs
refused 'signed attributes are not signed' ../alice.pub ../attrs
like 'and it is in the log' "$(last)" '"purpose":"ssh".*"refused".*neither an SSH login'
printf '%s' 'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4IiwiYXVkIjoieSJ9' >../jwt
refused 'a JSON web token' ../alice.pub ../jwt
openssl req -new -key ../ca/root.key -subj /CN=x -outform DER 2>/dev/null | openssl asn1parse \
	-inform DER -strparse 4 -noout -out ../request.tbs 2>/dev/null
ok 'which is DER' openssl asn1parse -inform DER -in ../request.tbs -noout
refused 'the body of a certificate request' ../alice.pub ../request.tbs
refused 'the same for P-384' ../paul.pub ../request.tbs
refused 'and Ed25519' ../edith.pub ../request.tbs
refused 'RSA: the same' ../rita.pub ../request.tbs 2
for who in client server; do
	for n in 32 48; do # SHA-256, SHA-384
		perl -e 'print " " x 64, "TLS 1.3, $ARGV[0] CertificateVerify", "\0", "h" x $ARGV[1]' $who $n >../tls
		refused "what a $who signs for TLS 1.3, $n" ../alice.pub ../tls
	done
done
refused 'RSA: the same' ../rita.pub ../tls 2
# RFC 5246 7.4.8: all handshake messages, from ClientHello on. 7.4.3 (RFC 8422 5.4): both randoms
# and a key; the client's is anybody's choice.
perl -e 'print "\x01\0\0\x26\x03\x03", "r" x 32, "\0\0\x02\xc0\x2b\x01\0", "\x02\0\0\x26\x03\x03", "R" x 32, "\0\xc0\x2b\0",
	"\x0e\0\0\0"' >../tls
refused 'what a client signs for TLS 1.2' ../alice.pub ../tls
refused 'RSA: the same' ../rita.pub ../tls 2
perl -e 'print "r" x 32, "R" x 32, "\x03\0\x17\x41\x04", "p" x 64' >../tls
refused 'what a server signs for TLS 1.2' ../alice.pub ../tls
perl -e 'print "\0\0\0\x20", "r" x 28, "rrrr\x32", pack("N/a*N/a*", "me", "ssh-connection"), "R" x 5,
	"\x03\0\x17\x41\x04", "p" x 64' >../tls
refused 'nor that which begins like a login' ../alice.pub ../tls
perl -e 'print "SSHSIG\0\0\0\x04file", "r" x 18, "R" x 32, "\x03\0\x17\x41\x04", "p" x 64' >../tls
refused 'nor like an SSHSIG' ../alice.pub ../tls
refused 'a commit' ../alice.pub ../payload
printf '' >../empty
refused 'nothing' ../alice.pub ../empty

# A login, and each way it can be a little wrong. login MOD: a userauth request with one
# field changed (perl), to ../login.
login() {
	perl -MMIME::Base64 -e 'local $/; open F, "<", $ARGV[0]; my $blob = decode_base64((split " ", <F>)[1]);
		my %m = (session => "s" x 32, type => "\x32", user => "alice", service => "ssh-connection",
			method => "publickey", has => "\x01", alg => "ecdsa-sha2-nistp256", key => $blob, tail => "");
		my $b = sub { pack "N/a*", $_[0] }; eval($ARGV[1] // ""); die $@ if $@;
		print $b->($m{session}), $m{type}, $b->($m{user}), $b->($m{service}), $b->($m{method}),
			$m{has}, $b->($m{alg}), $b->($m{key}), $m{tail}' ../alice.pub "$1" >../login
}
signs() { like "$1" "$(request "$(sign_request ../alice.pub ../login)")" '^000000..0e000000'; }
login ''
signs 'a login is signed'
like 'and logged' "$(last)" '"purpose":"ssh login".*"result":"signed"'
login '$m{method} = "publickey-hostbound-v00\@openssh.com"; $m{tail} = $b->("host key")'
signs 'one that is bound to a host too'
for bad in '$m{session} = "s" x 31' '$m{session} = ""' '$m{type} = "\x33"' '$m{service} = "ssh-userauth"' \
	'$m{method} = "hostbased"' '$m{has} = "\x00"' '$m{has} = "\x02"' '$m{alg} = "ssh-ed25519"' \
	'$m{key} = "other"' '$m{tail} = "x"' '$m{method} = "publickey-hostbound-v00\@openssh.com"'; do
	login "$bad"
	refused "not: $bad" ../alice.pub ../login
done
login ''
perl -e 'local $/; my $d = <STDIN>; print substr $d, 0, length($d) - 1' <../login >../short
refused 'nor one that is cut off' ../alice.pub ../short
refused 'nor for another key' ../paul.pub ../login
ssh-keygen -q -t ecdsa -N '' -f ../stranger
refused 'a key that is not ours' ../stranger.pub ../login
like 'is told as that in the log' "$(last)" 'no key of hsm.sshKey'
perl -MMIME::Base64 -e 'local $/; open F, "<", "../rita.pub"; my $k = decode_base64((split " ", <F>)[1]);
	print pack "N/a*aN/a*N/a*N/a*aN/a*N/a*", "s" x 32, "\x32", "rita", "ssh-connection", "publickey", "\x01", "ssh-rsa", $k' >../login
refused 'RSA with SHA-1' ../rita.pub ../login 0
is 'keys are not added' "$(request 0000000111)" 0000000105
is 'nor removed' "$(request 0000000113)" 0000000105
for m in 12 15 19 1a; do # one removed; a module removed; with constraints: a key, a module
	is "nor anything else with them: $m" "$(request "00000001$m")" 0000000105
done
not_ok 'ssh-add adds no key' ssh-add -q ../stranger
not_ok 'nor for a time' ssh-add -q -t 60 ../stranger
not_ok 'nor one that is to be confirmed' ssh-add -q -c ../stranger
is 'nor modules loaded' "$(request "$(printf '\024' | od -An -tx1 | tr -d ' \n' | sed 's/^/00000001/')")" 0000000105
is 'the control of the private socket is not here' "$(request \
	"$(perl -e 'print unpack "H*", pack "N/a*", "\x1b" . pack("N/a*N/a*N/a*", "control\@gitsign-hsm", "stop", "")')")" \
	0000000105
ok 'ssh-add -D is refused' sh -c '! ssh-add -D 2>/dev/null'
ok 'and the agent goes on' ssh-add -l

# --- too many ------------------------------------------------------------------------------------
# Whoever has this socket, which may be somebody elsewhere, keeps nobody from the private one.
perl -MIO::Socket::UNIX -e 'my @s = map { IO::Socket::UNIX->new(Peer => $ARGV[0]) } 1 .. 80;
	print "up\n"; STDOUT->flush; sleep 600' "$SSH" >../up &
idlers=$!
gh_at_exit "kill $idlers 2>/dev/null"
until_true grep -q up ../up
is 'when too many are connected, others are turned away' "$(request 000000010b)" ''
ok 'but git signs' raw
kill $idlers
ok 'when they go ssh is served' until_true ssh-add -l

# --- lock -------------------------------------------------------------------------------------
with_password() {
	printf '#!/bin/sh\necho "%s"\n' "$1" >../askpass
	chmod 700 ../askpass
	shift
	SSH_ASKPASS=$GH_WORLD/askpass SSH_ASKPASS_REQUIRE=force setsid -w "$@" </dev/null
}
ok 'ssh-add -x locks' with_password secret ssh-add -x
not_ok 'no key is listed' ssh-add -l
exits 5 'git objects are not signed either' raw
exits 5 'and agent unlock has not the password' agent unlock
not_ok 'a wrong password does not unlock' with_password secreT ssh-add -X
not_ok 'still none' ssh-add -l
ok 'the right one does' with_password secret ssh-add -X
ok 'all are back' ssh-add -l
ok 'and git objects are signed' raw
ok 'what agent lock has locked' agent lock
not_ok 'whoever has the socket for ssh does not unlock' with_password secret ssh-add -X
exits 5 'nothing is signed' raw
ok 'agent unlock does' agent unlock
ok 'then it is' raw

# --- consent, the PIN ------------------------------------------------------------------------
git config --global hsm.confirm each
agent_end
git config --global hsm.agent auto
agent >"$GH_WORLD/agent.out" 2>&1 &
until_true test -S "$SSH"
exits 255 'with each, and nobody to ask' setsid -w ssh-keygen -q -Y sign -n file -f ../alice.pub ../text
like 'nothing is signed' "$(last)" '"refused".*wants a yes'
git config --global --unset hsm.confirm
agent_end
cp "$GH_PIN_FILE" ../wrong
echo x >>../wrong
git config --global hsm.pinSource "file:$GH_WORLD/wrong"
agent >"$GH_WORLD/agent.out" 2>&1 &
until_true test -S "$SSH"
exits 255 'the PIN is the one that the agent is configured for' ssh-keygen -q -Y sign -n file \
	-f ../alice.pub ../text
like 'a wrong one signs nothing' "$(last)" 'PIN is wrong'
git config --global hsm.pinSource "file:$GH_PIN_FILE"
agent_end

# --- hsm.agent = ssh ----------------------------------------------------------------------------
# The extension through SSH_AUTH_SOCK, as ssh -A brings it elsewhere.
git config --global hsm.agent auto
agent >"$GH_WORLD/agent.out" 2>&1 &
until_true test -S "$SSH"
elsewhere() {
	GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=hsm.agent GIT_CONFIG_VALUE_0=ssh \
		GIT_CONFIG_KEY_1=hsm.module GIT_CONFIG_VALUE_1=/nonexistent/module.so \
		"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$(gh_fp alice)" <"$GH_WORLD/payload"
}
exits 3 'a git object is not signed for somebody elsewhere' elsewhere
like 'it says why' "$(cat "$GH_ERR")" 'hsm.agentForward there is not confirm'
like 'and it is in the log' "$(last)" \
	'"repository":"[^"]+/work","purpose":"commit","result":"refused","reason":"[^"]*hsm.agentForward'
is 'what is no request is refused' "$(request \
	"$(perl -e 'print unpack "H*", pack "N/a*", "\x1b" . pack("N/a*", "git-sign\@gitsign-hsm") . "x"')" | cut -c 9-10)" 1d
like 'and in the log' "$(last)" '"result":"refused"'
agent_end
git config --global hsm.agentForward confirm
agent >"$GH_WORLD/agent.out" 2>&1 &
until_true test -S "$SSH"
exits 5 'with confirm, and nobody to ask' elsewhere
agent_pinentry
git config --global hsm.pinentry "$GH_WORLD/pinentry"
agent_end
agent >"$GH_WORLD/agent.out" 2>&1 &
until_true test -S "$SSH"
echo 'ERR 83886179 Operation cancelled' >../answer
exits 1 'and a no' elsewhere
echo OK >../answer
ok 'a yes signs it' elsewhere
cp "$GH_OUT" ../sig
ok 'well' "$GH_BIN/gitsign-hsm" --status-fd=1 --verify ../sig ../payload
is 'each was asked for' "$(wc -l <../asked | tr -d ' ')" 2
ok 'the second too' elsewhere
is 'is asked for' "$(wc -l <../asked | tr -d ' ')" 3
agent_end

# --- the end ---------------------------------------------------------------------------------
# Signatures for ssh keep it from ending for being idle, and not from ending for its age.
git config --global hsm.agentIdle 3s
agent >"$GH_WORLD/agent.out" 2>&1 &
until_true test -S "$SSH"
pid=$(agent_pid)
busy() {
	local i
	for i in 1 2 3 4 5; do
		sleep 1
		rm -f ../text.sig
		ssh-keygen -q -Y sign -n file -f ../alice.pub ../text || return 1
	done
}
ok 'it is used' busy
is 'and stays' "$(agent_pid)" "$pid"
ok 'it is not' until_true agent_gone
not_ok 'and is gone, with its socket' test -e "$SSH"
git config --global --unset hsm.agentIdle
git config --global hsm.agentLifetime 3s
agent >"$GH_WORLD/agent.out" 2>&1 &
until_true test -S "$SSH"
not_ok 'another is used until it is old' busy
not_ok 'and is gone, with its socket' test -e "$SSH"
git config --global --unset hsm.agentLifetime

# A foreign agent, which signs anything: ssh-agent with a key in a file.
openssl ecparam -name prime256v1 -genkey -noout -out ../file.key
chmod 600 ../file.key
openssl pkey -in ../file.key -pubout -out ../keys/file.pub
gh_certificate file file@example.com
ssh-agent -a "$GH_WORLD/foreign" >../foreign.env
# shellcheck disable=SC1091
. ../foreign.env >/dev/null
gh_at_exit "kill $SSH_AGENT_PID 2>/dev/null"
gh_setup ssh-add -q ../file.key
git config --global hsm.agent ssh
exits 4 'a foreign agent wants a certificate in a file' raw
git config --global hsm.certificate "$GH_WORLD/keys/file.pem"
gh_use file
ok 'with one' git commit -q -S --allow-empty -m foreign
is 'it signs' "$(git log -1 --format='%G? %GF')" "G $(gh_fp file | tr a-f A-F)"
cp ../keys/file.pem ../keys/file.old.pem
git config --global --add hsm.certificate "$GH_WORLD/keys/file.old.pem"
(cd .. && GH_DAYS=60 gh_certificate file file@example.com)
ok 'with one that was renewed early' git commit -q -S --allow-empty -m renewed
is 'the later one signs' "$(git log -1 --format='%G? %GF')" "G $(gh_fp file | tr a-f A-F)"
(cd .. && GH_DAYS=90 gh_certificate file file@example.com \
	'subjectAltName=email:file@example.com,email:boss@example.com')
exits 4 'another name is a choice' "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau file@example.com <../payload
like 'to make by a fingerprint' "$(cat "$GH_ERR")" '2 usable certificates'
git config --global --unset-all hsm.certificate
git config --global hsm.certificate "$GH_WORLD/keys/file.old.pem"
gh_setup ssh-add -q -D
exits 4 'not without the key' raw
like 'and says so' "$(cat "$GH_ERR")" 'ssh-agent'
unset SSH_AUTH_SOCK
exits 9 'nor without an agent' raw
like 'it says so' "$(cat "$GH_ERR")" 'SSH_AUTH_SOCK names no agent'
done_testing
