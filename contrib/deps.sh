#!/bin/sh
# deps.sh LIST...: are the packages of contrib/packages/LIST.txt installed?
#
# Installs what is missing as root or with a sudo that asks for nothing, and
# says what it does first. Otherwise, and with DEPS=no, it only tells what to
# type and fails. Silent when nothing is missing, unless -v is given.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
verbose=
if [ "${1-}" = -v ]; then
	verbose=1
	shift
fi
[ $# -gt 0 ] || set -- build check servers lint

wanted=
for list; do
	wanted="$wanted $(sed -e 's/#.*//' "$here/packages/$list.txt" | tr -s '[:space:]' ' ')"
done

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "deps: not a Debian system: please see to these (Debian's names):$wanted" >&2
	exit 0
fi

# Another vendor's package may bring what is wanted (a nodejs with npm in it).
provided=
provides() {
	[ -n "$provided" ] || provided=$(dpkg-query -W -f '${db:Status-Abbrev}, ${Provides},\n' |
		sed -n 's/^.i *,/,/p' | sed 's/ ([^)]*)//g')
	case $provided in *", $1,"*) return 0 ;; esac
	return 1
}

missing=
for p in $wanted; do
	case $(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null || :) in
	?i*) ;;
	*) case " $missing " in *" $p "*) ;; *) provides "$p" || missing="$missing $p" ;; esac ;;
	esac
done

if [ -z "$missing" ]; then
	[ -z "$verbose" ] || echo "deps: all packages of the lists ($*) are installed"
	exit 0
fi

line="apt-get update && apt-get install -y --no-install-recommends$missing"
sudo=
if [ "${DEPS-}" = no ]; then
	may=
elif [ "$(id -u)" = 0 ]; then
	may=1
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
	may=1
	sudo="sudo -n"
else
	may=
fi
if [ -z "$may" ]; then
	{
		echo "deps: these packages are missing:$missing"
		echo "deps: type this as root, then call make again:"
		echo "  $line"
	} >&2
	exit 1
fi

echo "deps: installing these packages, which are missing:$missing"
log=$(mktemp "${TMPDIR:-/tmp}/gitsign-hsm-deps.XXXXXX")
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # words on purpose
if $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q update >"$log" 2>&1 &&
	$sudo env DEBIAN_FRONTEND=noninteractive \
		apt-get -q install -y --no-install-recommends $missing >>"$log" 2>&1; then
	exit 0
fi
tail -n 20 "$log" >&2
echo "deps: the installation failed (above); the command was: $line" >&2
exit 1
