#!/bin/sh
# Where a PIN comes from: systemd's credentials, commands, pinentry, SSH_ASKPASS; with and
# without a terminal. Each that gives it stands beside one that must not.
. "${GH_SRC:-tests}/system/lib.sh"
gh_need expect
gh_need setsid
gh_world
gh_key alice EC:prime256v1 alice@example.com
gh_use alice
printf 'tree %040d\nauthor A <a@example.com> 1 +0000\ncommitter A <a@example.com> 1 +0000\n\nx\n' \
	0 >payload

sign() { # as an editor runs git: no terminal
	setsid -w "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$(gh_fp alice)" <payload
}
from() {
	git config --global hsm.pinSource "$1"
}

# --- credential:NAME ---------------------------------------------------------------
from credential:pin
mkdir -m 700 cred
(umask 077 && echo "$GH_PIN" >cred/pin)
exits 5 'no credentials of systemd' sign
like 'it says how to give one' "$(cat "$GH_ERR")" 'LoadCredential='
export CREDENTIALS_DIRECTORY="$GH_WORLD/cred"
ok 'a credential' sign
chmod 440 cred/pin # the mask of an ACL
ok 'as systemd shows it' sign
chmod 444 cred/pin
exits 5 'one that all can read' sign
ln -s "$GH_PIN_FILE" cred/link
from credential:link
exits 5 'a link' sign
chmod 400 cred/pin
CREDENTIALS_DIRECTORY=cred
from credential:pin
exits 5 'a relative directory' sign
CREDENTIALS_DIRECTORY=$GH_WORLD/cred
from credential:none
exits 5 'one that is not there' sign
from credential:../pin
exits 3 'a path' sign
unset CREDENTIALS_DIRECTORY

# --- command:/path words --------------------------------------------------------------
cat >pin.sh <<EOF
#!/bin/sh
env >"$GH_WORLD/env"
echo "\$#:\$1:\$2" >"$GH_WORLD/words"
cat "$GH_PIN_FILE"
EOF
chmod 700 pin.sh
from "command:$GH_WORLD/pin.sh one  two\$HOME"
ok 'its PIN signs' env SECRET_OF_MINE=1 setsid -w "$GH_BIN/gitsign-hsm" --status-fd=2 \
	-bsau "$(gh_fp alice)" <payload
is 'words, no shell' "$(cat words)" "2:one:two\$HOME"
is 'a clean environment' "$(sed 's/=.*//' env | grep -v '^_$' | sort | tr '\n' ' ')" 'HOME LC_ALL PATH PWD '
chmod 702 pin.sh
exits 5 'one that others can change' sign
like 'is not run' "$(cat "$GH_ERR")" 'can be written by others .*chmod go-w'
mkdir open && cp pin.sh open/ && chmod 700 open/pin.sh && chmod 777 open
from "command:$GH_WORLD/open/pin.sh"
exits 5 'one in a directory that others can change' sign
printf '#!/bin/sh\ncat "%s"; exit 3\n' "$GH_PIN_FILE" >fails.sh && chmod 700 fails.sh
from "command:$GH_WORLD/fails.sh"
exits 5 'one that fails' sign
like 'with what status' "$(cat "$GH_ERR")" 'status 3'
printf '#!/bin/sh\nhead -c 100000 /dev/zero\n' >long.sh && chmod 700 long.sh
from "command:$GH_WORLD/long.sh"
exits 5 'one that writes without end' sign
from "command:$GH_WORLD/none.sh"
exits 5 'one that is not there' sign
from command:pin.sh
exits 3 'a relative one' sign

# --- nobody can be asked ------------------------------------------------------------------
from prompt
unset DISPLAY WAYLAND_DISPLAY SSH_ASKPASS
exits 5 'no terminal, no pinentry, no askpass' sign
like 'all three are named' "$(cat "$GH_ERR")" 'no terminal.*; pinentry .*; SSH_ASKPASS'
like 'and the cure' "$(cat "$GH_ERR")" 'hsm.pinSource file:'

printf '#!/bin/sh\necho "$1" >"%s"\ncat "%s"\n' "$GH_WORLD/asked" "$GH_PIN_FILE" >askpass
chmod 700 askpass
export SSH_ASKPASS="$GH_WORLD/askpass"
exits 5 'SSH_ASKPASS is not run unasked' sign
ok 'it was not' test ! -e asked
git config --global hsm.askpass true
ok 'SSH_ASKPASS when hsm.askpass says so' sign
like 'it was asked for the token' "$(cat asked)" 'PIN for token "world"'
unset SSH_ASKPASS
exits 5 'no SSH_ASKPASS there' sign
git config --global hsm.askpass "$GH_WORLD/askpass"
ok 'a program by its path' sign
printf '#!/bin/sh\nexit 1\n' >askpass
exits 5 'it is cancelled' sign
git config --global hsm.askpass askpass
exits 3 'a relative path' sign
git config --global --unset hsm.askpass

# --- pinentry ------------------------------------------------------------------------------
# A real one cannot be made to cancel or to break without a person: these are scripts.
fake() { # LINES ON GETPIN
	cat >pinentry <<EOF
#!/bin/sh
echo OK hello
while read -r line; do
	echo "\$line" >>"$GH_WORLD/talk"
	case \$line in
	GETPIN) $1 ;;
	BYE*) echo OK; exit ;;
	*) echo OK ;;
	esac
done
EOF
	chmod 700 pinentry
	: >"$GH_WORLD/talk"
}
git config --global hsm.pinentry "$GH_WORLD/pinentry"
fake "echo 'D $GH_PIN'; echo OK"
ok 'pinentry without a terminal' sign
like 'it is told what for' "$(cat talk)" 'SETDESC PIN for token "world"'
unlike 'and caches nothing' "$(cat talk)" 'external-password-cache|SETKEYINFO'
fake "echo 'ERR 83886179 cancelled'"
printf '#!/bin/sh\ntouch "%s"\ncat "%s"\n' "$GH_WORLD/asked-too" "$GH_PIN_FILE" >askpass
git config --global hsm.askpass "$GH_WORLD/askpass"
exits 5 'pinentry is cancelled' sign
like 'that is an answer' "$(cat "$GH_ERR")" 'no PIN was entered'
ok 'nobody else is asked' test ! -e asked-too
git config --global hsm.pinentry off
ok 'without a pinentry the next one is' sign
ok 'and was' test -e asked-too
git config --global --unset hsm.askpass
git config --global hsm.pinentry "$GH_WORLD/pinentry"
fake "echo 'D $GH_PIN'; echo OK"
from "file:$GH_WORLD/nowhere"
ok 'pinentry for --pin-source prompt' setsid -w "$GH_BIN/gitsign-hsm" cert request \
	--pin-source prompt "$(gh_uri alice)"
from prompt
ok 'pinentry for a new PIN' setsid -w "$GH_BIN/gitsign-hsm" token init --label typed
is 'and an SO PIN, each of them twice' "$(grep -c GETPIN talk)" 5
fake "echo 'D 0000'; echo OK"
exits 5 'a wrong PIN' sign
is 'is asked for once' "$(grep -c GETPIN talk)" 1
fake 'echo nonsense; exit'
exits 5 'no pinentry at all' sign
like 'is passed over' "$(cat "$GH_ERR")" 'pinentry cannot be used'
git config --global hsm.pinentry "$GH_WORLD/nowhere"
exits 5 'one that is not there' sign
git config --global hsm.pinentry pinentry
exits 3 'a relative path' sign

tty=$(command -v pinentry-tty) || bail 'pinentry-tty is missing: make deps'
git config --global hsm.pinentry "$tty"
gh_repo work
cd work || bail cd
GH_KEYS=$GH_PIN expect -f - >"$GH_WORLD/seen" 2>&1 <<'SCRIPT'
set timeout 60
spawn git commit -q -S --allow-empty -m one
expect {
	-re {PIN:} { send -- "$env(GH_KEYS)\r" }
	timeout { exit 97 }
	eof { exit 98 }
}
expect eof
exit [lindex [wait] 3]
SCRIPT
is 'pinentry-tty on a terminal' "$?" 0
is 'the commit is good' "$(git log -1 --format='%G? %s')" 'G one'
like 'it is told what for' "$(cat ../seen)" 'PIN for token "world"'
unlike 'no echo' "$(sed '/^spawn/d' ../seen)" "$GH_PIN"

# The terminal comes before SSH_ASKPASS, which is for where there is none.
git config --global hsm.pinentry off
git config --global hsm.askpass "$GH_WORLD/askpass"
printf '#!/bin/sh\ntouch "%s"\ncat "%s"\n' "$GH_WORLD/asked-last" "$GH_PIN_FILE" >../askpass
GH_KEYS=$GH_PIN expect -f - >"$GH_WORLD/seen" 2>&1 <<'SCRIPT'
set timeout 60
spawn git commit -q -S --allow-empty -m two
expect {
	-re {PIN for token "world": } { send -- "$env(GH_KEYS)\r" }
	timeout { exit 97 }
	eof { exit 98 }
}
expect eof
exit [lindex [wait] 3]
SCRIPT
is 'the terminal is asked first' "$?" 0
ok 'and SSH_ASKPASS not at all' test ! -e ../asked-last
ok 'SSH_ASKPASS without one' setsid -w git commit -q -S --allow-empty -m three
ok 'and it was' test -e ../asked-last
done_testing
