#!/bin/sh
# contrib/completions/make.sh PROGRAM SHELL: prints completions for bash, zsh or fish. All
# it knows it asks the program: the verbs of --help, and each verb's own --help.
set -eu
program=$1 shell=$2
name=${program##*/}
fun=_$(echo "$name" | tr - _)
tab=$(printf '\t')

# NOUN TAB VERB ("-": none) TAB WHAT IT DOES
verbs() {
	"$program" --help | awk '
		/^verbs:$/ { on = 1; next }
		on && /^$/ { exit }
		on {
			line = substr($0, 3)
			at = match(line, /  +/)
			words = at ? substr(line, 1, at - 1) : line
			n = split(words, w, " ")
			printf "%s\t%s\t%s\n", w[1], (n > 1 ? w[2] : "-"), (at ? substr(line, at + RLENGTH) : "")
		}'
}

# OPTION TAB VALUE ("-": none) TAB WHAT IT DOES, of one verb
options() {
	"$program" "$@" --help </dev/null | awk '
		function flush() { if (option != "") printf "%s\t%s\t%s\n", option, value, what; option = "" }
		/^Options:$/ { on = 1; next }
		on && !/^ / { on = 0 }
		on && match($0, /--[a-z-]+/) && RSTART < 12 {
			flush()
			option = substr($0, RSTART, RLENGTH)
			what = substr($0, RSTART + RLENGTH)
			value = "-"
			if (match(what, /^ [A-Z|]+/)) {
				value = substr(what, 2, RLENGTH - 1)
				what = substr(what, RLENGTH + 1)
			}
			sub(/^ +/, "", what)
			next
		}
		on && what == "" { what = $0; sub(/^ +/, "", what) }
		END { flush() }'
}

quoted() { # for a single-quoted word
	printf '%s' "$1" | sed "s/'/'\\\\''/g"
}

bash_verb() { # NOUN VERB
	if [ "$2" = - ]; then
		options "$1" >"$tmp"
		printf '\t"%s "*)' "$1"
	else
		options "$1" "$2" >"$tmp"
		printf '\t"%s %s")' "$1" "$2"
	fi
	printf ' options="%s" files="%s" ;;\n' "$(cut -f1 "$tmp" | tr '\n' ' ' | sed 's/ $//')" \
		"$(awk -F'\t' '$2 ~ /FILE|PATH|SOURCE|REPOSITORY/ { printf "%s ", $1 }' "$tmp" | sed 's/ $//')"
}

bash_() {
	cat <<EOF
# bash completion of $name, made from its own --help
$fun()
{
	local cur prev noun verb options files
	cur=\${COMP_WORDS[COMP_CWORD]}
	prev=\${COMP_WORDS[COMP_CWORD-1]}
	noun=\${COMP_WORDS[1]-}
	verb=\${COMP_WORDS[2]-}
	COMPREPLY=()
	if [ "\$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=(\$(compgen -W "$(verbs | cut -f1 | uniq | tr '\n' ' ')--help --version" -- "\$cur"))
		return
	fi
	if [ "\$COMP_CWORD" -eq 2 ]; then
		case \$noun in
EOF
	verbs | awk -F'\t' '$2 != "-" { v[$1] = v[$1] " " $2; if (!($1 in o)) { o[$1] = ++n; k[n] = $1 } }
		END { for (i = 1; i <= n; i++) printf "\t\t%s) COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return ;;\n", k[i], substr(v[k[i]], 2) }'
	cat <<'EOF'
		esac
	fi
	case "$noun $verb" in
EOF
	verbs | while IFS=$tab read -r noun verb _; do bash_verb "$noun" "$verb"; done
	cat <<EOF
	*) return ;;
	esac
	case " \$files " in
	*" \$prev "*) COMPREPLY=(\$(compgen -f -- "\$cur")); return ;;
	esac
	case \$cur in
	-*) COMPREPLY=(\$(compgen -W "\$options" -- "\$cur")) ;;
	*) COMPREPLY=(\$(compgen -f -- "\$cur")) ;;
	esac
}
complete -F $fun -o filenames $name
EOF
}

fish() {
	echo "# fish completion of $name, made from its own --help"
	verbs | while IFS=$tab read -r noun verb does; do
		if [ "$verb" = - ]; then
			echo "complete -c $name -n __fish_use_subcommand -f -a $noun -d '$(quoted "$does")'"
			seen="__fish_seen_subcommand_from $noun"
			options "$noun" >"$tmp"
		else
			echo "complete -c $name -n __fish_use_subcommand -f -a $noun"
			echo "complete -c $name -n '__fish_seen_subcommand_from $noun' -f -a $verb -d '$(quoted "$does")'"
			seen="__fish_seen_subcommand_from $noun; and __fish_seen_subcommand_from $verb"
			options "$noun" "$verb" >"$tmp"
		fi
		while IFS=$tab read -r option value what; do
			[ "$value" = - ] && more= || more=' -r'
			echo "complete -c $name -n '$seen' -l ${option#--}$more -d '$(quoted "$what")'"
		done <"$tmp"
	done | awk '!seen[$0]++'
}

zsh_options() { # the words for _arguments
	while IFS=$tab read -r option value what; do
		what=$(quoted "$what" | sed 's/[]:[]/\\&/g')
		if [ "$value" = - ]; then
			printf " '%s[%s]'" "$option" "$what"
		else
			printf " '%s=[%s]:%s:_files'" "$option" "$what" "$value"
		fi
	done <"$tmp"
}

zsh() {
	cat <<EOF
#compdef $name
# zsh completion, made from the program's own --help
$fun() {
	local noun=\${words[2]} verb=\${words[3]}
	if (( CURRENT == 2 )); then
		compadd -- $(verbs | cut -f1 | uniq | tr '\n' ' ')--help --version
		return
	fi
	if (( CURRENT == 3 )); then
		case \$noun in
EOF
	verbs | awk -F'\t' '$2 != "-" { v[$1] = v[$1] " " $2; if (!($1 in o)) { o[$1] = ++n; k[n] = $1 } }
		END { for (i = 1; i <= n; i++) printf "\t\t%s) compadd --%s; return ;;\n", k[i], v[k[i]] }'
	printf '\t\tesac\n\tfi\n\tcase "$noun $verb" in\n'
	verbs | while IFS=$tab read -r noun verb _; do
		if [ "$verb" = - ]; then
			options "$noun" >"$tmp"
			printf '\t"%s "*) _arguments' "$noun"
		else
			options "$noun" "$verb" >"$tmp"
			printf '\t"%s %s") _arguments' "$noun" "$verb"
		fi
		zsh_options
		echo " '*:file:_files' ;;"
	done
	printf '\tesac\n}\n%s "$@"\n' "$fun"
}

tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
case $shell in
bash) bash_ ;;
zsh) zsh ;;
fish) fish ;;
*)
	echo "usage: contrib/completions/make.sh PROGRAM bash|zsh|fish" >&2
	exit 2
	;;
esac
