# shellcheck shell=sh
# What the tests of the agent share. Source it behind lib.sh and call agent_world.
#
# shellcheck disable=SC3043 # local: dash, bash and busybox have it

# agent_world: gh_world with the key alice, a repository (the current directory), and a
# payload to sign.
agent_world() {
	gh_world
	gh_key alice EC:prime256v1 alice@example.com
	gh_use alice
	gh_repo work
	cd work || bail 'cd work'
	cat >"$GH_WORLD/payload" <<-EOP
		tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904
		author A <a@example.com> 1 +0000
		committer A <a@example.com> 1 +0000

		x
	EOP
}

# agent_tree: a copy of the programs in $GH_BIN, and in $direct one that a test takes away.
agent_tree() {
	mkdir -p "$GH_WORLD/tree/libexec"
	cp -R "$GH_BIN" "$GH_WORLD/tree/bin"
	cp -R "$GH_LIBEXEC" "$GH_WORLD/tree/libexec/gitsign-hsm"
	GH_BIN=$GH_WORLD/tree/bin
	direct=$GH_WORLD/tree/libexec/gitsign-hsm/direct
}
# extract COMMIT DATA SIG: its signed bytes, and its signature, into files of the world.
extract() {
	git cat-file commit "$1" | sed '/^gpgsig/,/^ -----END/d' >"$GH_WORLD/$2"
	git cat-file commit "$1" |
		sed -n '/^gpgsig/,/^ -----END/{s/^gpgsig //;s/^ //;p;}' >"$GH_WORLD/$3"
}
# without_direct COMMAND...: its status, while the direct program cannot be run.
without_direct() {
	local rc=0
	chmod 0 "$direct"
	"$@" >/dev/null 2>&1 || rc=$?
	chmod 755 "$direct"
	return $rc
}

agent() { "$GH_BIN/gitsign-hsm" agent "$@"; }
agent_pid() { agent status 2>/dev/null | sed -n 's/^running as process \([0-9]*\),.*/\1/p'; }
agent_worker() { pgrep -P "$(agent_pid)" -f -- --worker; }
agent_gone() { ! agent status; }
# agent_end: stops the agent and waits for its end.
agent_end() {
	agent stop >/dev/null 2>&1
	until_true agent_gone || bail 'the agent does not end'
}

# A sanitizer keeps what is freed, and much of everything.
sanitized() { ldd "$GH_LIBEXEC/agent" | grep -q libasan || thread_sanitized; }
# It runs a signal's handler when the call that it came into returns: a read() that is restarted
# does not.
thread_sanitized() { grep -aq __tsan_func_entry "$GH_LIBEXEC/agent"; }

# agent_pinentry: $GH_WORLD/pinentry writes what it is asked into `asked`, and says what
# stands in `answer` when a yes is wanted.
agent_pinentry() {
	cat >"$GH_WORLD/pinentry" <<-EOF
		#!/bin/sh
		echo 'OK hello'
		while read -r l; do
			case \$l in
			SETDESC*) printf '%s\n' "\$l" >>$GH_WORLD/asked; echo OK ;;
			CONFIRM*) cat $GH_WORLD/answer ;;
			*) echo OK ;;
			esac
		done
	EOF
	chmod 700 "$GH_WORLD/pinentry"
}

commit() { git commit -q -S --allow-empty -m "$1"; }
# raw [FILE]: a signature as git asks for one. git before 2.40 keeps to itself why a
# signer failed: this asks without it.
raw() { "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau '' <"${1-$GH_WORLD/payload}"; }
