#!/bin/sh
# The agent and other users: run as root, which alone can be one.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"

[ "$(id -u)" = 0 ] || skip_all 'only root can be another user'
agent_world
id nobody >/dev/null 2>&1 || skip_all 'there is no user nobody'
id daemon >/dev/null 2>&1 || skip_all 'there is no user daemon'
# user NAME COMMAND...
user() {
	local who
	who=$1
	shift
	setpriv --reuid="$who" --regid="$(id -g "$who")" --clear-groups "$@"
}
chown -R nobody "$GH_WORLD"
chmod 711 "$GH_WORLD"
agent() { user nobody "$GH_BIN/gitsign-hsm" agent "$@"; }
gh_at_exit 'agent stop >/dev/null 2>&1'
git config --global hsm.agent auto
chown nobody "$GIT_CONFIG_GLOBAL"
# With a descriptor that is open by chance: who starts the agent does not lend it.
ok 'an agent of nobody signs' user nobody sh -c \
	'"$0" --status-fd=2 -bsau "" <"$1" 9<"$1"' "$GH_BIN/gitsign-hsm" "$GH_WORLD/payload"
ok 'and runs' agent status
pid=$(agent_pid)
worker=$(agent_worker)

# --- descriptors, session ---------------------------------------------------------------
fds() { find "/proc/$1/fd" -mindepth 1 -printf '%f %l\n' | sort -n; }
for p in $pid $worker; do
	is "the standard descriptors of $p are nobody's" "$(fds "$p" | sed -n 1,3p)" "0 /dev/null
1 /dev/null
2 /dev/null"
	unlike 'it has none of who started it' "$(fds "$p")" payload
done
is 'the module has its two sockets, and no client' "$(fds "$worker" | sed -n 's/^\([0-9]*\) socket.*/\1/p' | tr '\n' ' ')" '3 4 '
unlike 'and not the lock' "$(fds "$worker")" 'gitsign-hsm/'
is 'the agent leads a session of its own' "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid"
load() { user nobody "$GH_TOOLS/agent-load" 4 10 "$GH_WORLD/payload" "$GH_WORLD/config"; }
printf '[hsm]\n\tmodule = %s\n\tpinSource = file:%s\n\tkey = %s\n' "$GH_MODULE" "$GH_PIN_FILE" \
	"$(gh_fp alice)" >"$GH_WORLD/config"
before=$(fds "$pid" | wc -l)
ok 'four clients, ten signatures each' load
back() { [ "$(fds "$pid" | wc -l)" -le "$before" ]; }
ok 'when they are gone it has as many descriptors as before' until_true back
isnt 'which can be counted' "$before" 0

# --- secrets -----------------------------------------------------------------------
# count PID TEXT: how often the memory of a process holds the text. (A core dump would
# hold no more; there is none.) In pieces, each with the end of the one before; a sanitizer
# maps terabytes, which are not looked through.
count() {
	perl -e 'my ($pid, $text) = @ARGV; my ($n, $piece) = (0, 1 << 20);
		open my $maps, "<", "/proc/$pid/maps" or exit 9;
		open my $mem, "<:raw", "/proc/$pid/mem" or exit 9;
		while (<$maps>) {
			my ($from, $to) = /^([0-9a-f]+)-([0-9a-f]+) r/ or next;
			next if /\[v(var|syscall|sys)/;
			($from, $to) = (hex $from, hex $to);
			next if $to - $from > 1 << 30;
			sysseek $mem, $from, 0;
			for (my $rest = ""; $from < $to; $from += $piece) {
				my $want = $to - $from < $piece ? $to - $from : $piece;
				(sysread($mem, my $b, $want) // 0) == $want or last;
				$b = $rest . $b;
				$n++ while $b =~ /\Q$text\E/g;
				$rest = substr $b, -(length($text) - 1);
			}
		}
		print $n' "$1" "$2"
}
for p in "$(agent_pid)" "$(agent_worker)"; do
	like "process $p can be searched" "$(count "$p" XDG_RUNTIME_DIR)" '^[1-9]'
	if sanitized; then
		skip 'the sanitizer keeps what is freed'
	else
		is 'and does not hold the PIN' "$(count "$p" "$GH_PIN")" 0
	fi
	unlike 'nor has it in its arguments or environment' \
		"$(tr '\0' '\n' <"/proc/$p/cmdline"; tr '\0' '\n' <"/proc/$p/environ")" "$GH_PIN"
	is 'it dumps no core' "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$p/limits")" '0 0'
	is 'and is not for its own user to look into' "$(stat -c %U "/proc/$p/mem")" root
done

# --- a PIN on its way ----------------------------------------------------------------------
# While the token looks at it, the PIN stands where it is neither swapped out nor dumped, in
# the module's process only.
# flags PID TEXT: of each mapping that holds the text, the flags "lo" (locked) and "dd" (not
# in a core dump) that it has, and what it is.
flags() {
	perl -e 'my ($pid, $text) = @ARGV; my ($at, $what, $held);
		open my $maps, "<", "/proc/$pid/smaps" or exit 9;
		open my $mem, "<:raw", "/proc/$pid/mem" or exit 9;
		while (<$maps>) {
			if (/^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)/) {
				my ($from, $to, $how) = (hex $1, hex $2, $3);
				($held, $what) = (0, $4 || "memory");
				next if $how !~ /^r/ || $what =~ /\[v/ || $to - $from > 1 << 30;
				sysseek $mem, $from, 0;
				my $b; my $got = sysread $mem, $b, $to - $from;
				$held = defined $got && $b =~ /\Q$text\E/;
			} elsif (/^VmFlags:(.*)/ && $held) {
				my $f = $1;
				print join(" ", (grep { $f =~ /\b$_\b/ } qw(lo dd)), $what), "\n";
			}
		}' "$1" "$2"
}
if [ -f "$GH_TOOLS/mock-p11.so" ] && ! sanitized; then
	agent_end
	openssl ecparam -name prime256v1 -genkey -noout -out ../mock.key
	openssl pkey -in ../mock.key -pubout -out ../keys/mock.pub
	gh_certificate mock alice@example.com
	: >../mock.log
	git config --global hsm.module "$GH_TOOLS/mock-p11.so"
	git config --global hsm.key ''
	chown nobody ../mock.key ../mock.log "$GIT_CONFIG_GLOBAL"
	MOCK_P11_KEY=$GH_WORLD/mock.key MOCK_P11_CERT=$GH_WORLD/keys/mock.pem MOCK_P11=C_Login=hang \
		MOCK_P11_LOG=$GH_WORLD/mock.log user nobody sh -c \
		'echo $$; exec "$0" --status-fd=2 -bsau "" <"$1"' "$GH_BIN/gitsign-hsm" \
		"$GH_WORLD/payload" >../client 2>../mock.err &
	ok 'a PIN is with the token' until_true grep -q C_Login ../mock.log || diag "$(cat ../mock.err)"
	client=$(sed -n 1p ../client)
	is 'in locked memory that is not dumped' "$(flags "$(agent_worker)" "$GH_PIN")" 'lo dd memory'
	is 'the agent has handed it on' "$(flags "$(agent_pid)" "$GH_PIN")" ''
	is 'and so has the client' "$(flags "$client" "$GH_PIN")" ''
	isnt 'which can be searched' "$(flags "$client" GIT_CONFIG_GLOBAL)" ''
	kill "$client"
	agent_end # before its module is another
	git config --global hsm.module "$GH_MODULE"
	gh_use alice
	chown nobody "$GIT_CONFIG_GLOBAL"
else
	skip 'no mock module, or a sanitizer that keeps what is freed' 5
fi

# --- whose terminal ---------------------------------------------------------------------------
# A question goes to a terminal of the agent's user only; as after su, it may be root's.
if command -v expect >/dev/null; then
	agent_end
	unset DISPLAY WAYLAND_DISPLAY
	git config --global hsm.confirm each
	chown nobody "$GIT_CONFIG_GLOBAL"
	cat >"$GH_WORLD/ask" <<-'EOS'
		set timeout 60
		eval spawn $argv
		expect {
			"sign this?" { send "y\n"; exp_continue }
			timeout { exit 99 }
			eof {}
		}
		exit [lindex [wait] 3]
	EOS
	chmod 644 "$GH_WORLD/ask"
	printf '#!/bin/sh\nexec "%s" --status-fd=2 -bsau "" <"%s"\n' "$GH_BIN/gitsign-hsm" \
		"$GH_WORLD/payload" >"$GH_WORLD/sign"
	chmod 755 "$GH_WORLD/sign"
	ok "a question on its user's terminal is answered" user nobody expect -f "$GH_WORLD/ask" \
		"$GH_WORLD/sign"
	like 'there' "$(cat "$GH_OUT")" 'sign this'
	exits 5 "none is asked on root's terminal" expect -f "$GH_WORLD/ask" setpriv \
		--reuid=nobody "--regid=$(id -g nobody)" --clear-groups "$GH_WORLD/sign"
	unlike 'where nothing is written' "$(cat "$GH_OUT")" 'sign this'
	like 'it says why' "$(cat "$GH_OUT")" 'wants a yes.*neither a terminal nor a pinentry'
	git config --global --unset hsm.confirm
	chown nobody "$GIT_CONFIG_GLOBAL"
	agent_end
	ok 'an agent is there again' user nobody sh -c '"$0" --status-fd=2 -bsau "" <"$1"' \
		"$GH_BIN/gitsign-hsm" "$GH_WORLD/payload"
else
	skip 'no expect' 6
fi

# --- other users -----------------------------------------------------------------------

# status USER: what the private socket says to a request for the status, in hex.
status() {
	user "$1" perl -MIO::Socket::UNIX -e '$SIG{PIPE} = "IGNORE";
		my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or print("none: $!") && exit;
		$s->autoflush(1); print $s pack("N/a*", "\x1b" . pack("N/a*", "control\@gitsign-hsm") .
		pack("N/a*N/a*", "status", "")); shutdown($s, 1);
		local $/; my $r = <$s>; print "answer: ", defined $r ? length $r : 0' \
		"$XDG_RUNTIME_DIR/gitsign-hsm/agent"
}
like 'its user is served' "$(status nobody)" '^answer: [1-9]'
like 'another user does not come to the socket' "$(status daemon)" '^none: Permission'
chmod 711 "$GH_WORLD/run" "$GH_WORLD/run/gitsign-hsm"
chmod 777 "$GH_WORLD/run/gitsign-hsm/agent"
is 'and where it is opened to all gets no answer' "$(status daemon)" 'answer: 0'
is 'nor does root' "$(status root)" 'answer: 0'
like 'while its user is served' "$(status nobody)" '^answer: [1-9]'
not_ok 'its own user does not use a directory that is open' agent status
chmod 700 "$GH_WORLD/run/gitsign-hsm" "$GH_WORLD/run"
ok 'closed again, it does' agent status

# The other way round: what answers must be ours too.
chown root "$GH_WORLD/run"
not_ok "root's client does not talk to nobody's agent" "$GH_BIN/gitsign-hsm" agent status
like 'it says why' "$(cat "$GH_ERR")" 'must be a directory of yours'
chown nobody "$GH_WORLD/run"
agent stop
until_true agent_gone
perl -MIO::Socket::UNIX -e 'umask 0; my $s = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 5) or die;
	while (my $c = $s->accept) { close $c }' "$XDG_RUNTIME_DIR/gitsign-hsm/agent" &
gh_at_exit "kill $! 2>/dev/null"
until_true test -S "$XDG_RUNTIME_DIR/gitsign-hsm/agent"
exits 3 "nobody's client does not talk to root's agent" agent status
like 'it says why' "$(cat "$GH_ERR")" 'belongs to another user'
done_testing
