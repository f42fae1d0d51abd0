#!/bin/sh
# Plain git over HTTP, set up by contrib/servers/http.md: nginx, fcgiwrap, git-http-backend.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/servers-lib.sh"

[ -x /usr/sbin/nginx ] || skip_all 'no nginx here (package nginx-light)'
[ -x /usr/sbin/fcgiwrap ] || skip_all 'no fcgiwrap here'
srv_world
REPO=$GH_WORLD/srv/project.git
export REPO
mkdir ../srv ../nginx
page http 1 >../setup
ok 'the repository is set up by the page' sh -e ../setup
is 'with time for a PIN' "$(git -C "$REPO" config receive.certNonceSlop)" 600

/usr/sbin/fcgiwrap -s "unix:$GH_WORLD/nginx/fcgi" 2>../nginx/fcgi.log &
gh_at_exit "kill $! 2>/dev/null"
until_true test -S ../nginx/fcgi || bail "no fcgiwrap: $(cat ../nginx/fcgi.log)"
# start PORT: nginx in the foreground of the background.
start() {
	{
		printf 'daemon off;\nmaster_process off;\npid %s/pid;\nerror_log %s/error.log;\n' \
			"$GH_WORLD/nginx" "$GH_WORLD/nginx"
		printf 'events {}\nhttp {\naccess_log off;\n'
		for d in client_body proxy fastcgi uwsgi scgi; do
			printf '%s_temp_path %s/%s;\n' "$d" "$GH_WORLD/nginx" "$d"
		done
		printf 'server {\nlisten 127.0.0.1:%s;\n' "$1"
		page_nginx http | sed "s|/srv/git|$GH_WORLD/srv|; s|/run/fcgiwrap.socket|$GH_WORLD/nginx/fcgi|"
		printf '}\n}\n'
	} >"$GH_WORLD/nginx/conf"
	/usr/sbin/nginx -p "$GH_WORLD/nginx" -c "$GH_WORLD/nginx/conf" >>"$GH_WORLD/nginx/log" 2>&1 &
	nginx=$!
}
up_or_dead() {
	! kill -0 "$nginx" || perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new("127.0.0.1:'"$port"'")'
}
# Another may take a port between its choice and its use.
for _ in 1 2 3 4 5; do
	port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1,
		LocalAddr => "127.0.0.1")->sockport')
	start "$port"
	until_true up_or_dead
	kill -0 "$nginx" 2>/dev/null && break
done
gh_at_exit "kill $nginx 2>/dev/null"
URL=http://127.0.0.1:$port/git/project.git
export URL
srv_try "$URL" "$REPO"

# A PIN takes its time: the second request comes seconds behind the first, whose nonce it has.
cat >../slow <<EOF2
#!/bin/sh
sleep 3
exec "$GH_BIN/gitsign-hsm" "\$@"
EOF2
chmod 755 ../slow
git commit -q -S --allow-empty -m 'slowly'
git branch -f main HEAD
git config gpg.x509.program "$GH_WORLD/slow"
page http 2 >../setup
ok 'a pause of three seconds' sh -e ../setup
is 'and it is there' "$(git -C "$REPO" rev-parse main)" "$(git rev-parse HEAD)"
git -C "$REPO" config hsm.certMaxAge 1s
git commit -q --amend --no-edit --allow-empty -S
not_ok 'is too long where one second is allowed' git push -f --signed "$URL" HEAD:refs/heads/signed/y
like 'which it says' "$(tr '\n' ' ' <"$GH_ERR")" 's old, and +(remote: +)?1 are allowed'
done_testing
