#!/usr/bin/perl
# git-http.pl ROOT: serves the repositories below ROOT through git-http-backend on
# a free port of 127.0.0.1, which it prints. One request at a time, no keep-alive:
# enough HTTP/1.1 for git's client (chunked bodies and gzip included, the backend
# unpacks the latter). Ends when its standard input does.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my $root = shift // die "usage: git-http.pl ROOT\n";
my $listen = IO::Socket::INET->new(
	LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 16, ReuseAddr => 1)
	or die "listen: $!\n";
$| = 1;
print $listen->sockport, "\n";

sub body {
	my ($in, $h) = @_;
	my $body = '';
	if (($h->{'transfer-encoding'} // '') =~ /chunked/i) {
		while (defined(my $line = <$in>)) {
			my $n = hex($line =~ /^([0-9a-fA-F]+)/ ? $1 : 0);
			last if $n == 0;
			read $in, $body, $n, length $body;
			<$in>;
		}
		<$in>;
	} elsif (my $n = $h->{'content-length'}) {
		read $in, $body, $n;
	}
	return $body;
}

sub serve {
	my $c = shift;
	my $request = <$c> // return;
	my ($method, $target) = $request =~ m{^(GET|POST) (\S+) HTTP/1\.[01]\r?$} or return;
	my %h;
	while (defined(my $line = <$c>)) {
		$line =~ s/\r?\n$//;
		last if $line eq '';
		$h{lc $1} = $2 if $line =~ /^([^:]+):\s*(.*)$/;
	}
	if (lc($h{expect} // '') eq '100-continue') {
		print $c "HTTP/1.1 100 Continue\r\n\r\n";
	}
	my ($path, $query) = split /\?/, $target, 2;
	my $content = body($c, \%h);
	open my $tmp, '+>', undef or return;
	print $tmp $content;
	seek $tmp, 0, 0;
	my %env = (
		PATH => $ENV{PATH}, HOME => $ENV{HOME} // '/', GIT_PROJECT_ROOT => $root,
		GIT_HTTP_EXPORT_ALL => 1, REQUEST_METHOD => $method, PATH_INFO => $path,
		QUERY_STRING => $query // '', REMOTE_USER => 'pusher', REMOTE_ADDR => '127.0.0.1',
		CONTENT_TYPE => $h{'content-type'} // '', CONTENT_LENGTH => length $content,
		SERVER_PROTOCOL => 'HTTP/1.1', GATEWAY_INTERFACE => 'CGI/1.1');
	$env{HTTP_CONTENT_ENCODING} = $h{'content-encoding'} if $h{'content-encoding'};
	$env{GIT_PROTOCOL} = $h{'git-protocol'} if $h{'git-protocol'};
	for (qw(GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL LC_ALL)) {
		$env{$_} = $ENV{$_} if defined $ENV{$_};
	}
	pipe my $r, my $w or return;
	my $pid = fork // return;
	if (!$pid) {
		open STDIN, '<&', $tmp;
		open STDOUT, '>&', $w;
		close $_ for $r, $w, $c, $listen;
		%ENV = %env;
		exec 'git', 'http-backend';
		exit 127;
	}
	close $w;
	my $out = do { local $/; <$r> } // '';
	waitpid $pid, 0;
	my ($head, $rest) = split /\r?\n\r?\n/, $out, 2;
	my $status = '200 OK';
	$status = $1 if $head =~ s/^Status: ([^\r\n]+)\r?\n?//mi;
	$head =~ s/\r?\n/\r\n/g;
	$head =~ s/\r\n$//;
	print $c "HTTP/1.1 $status\r\n", ($head ne '' ? "$head\r\n" : ''),
		'Content-Length: ', length($rest // ''), "\r\nConnection: close\r\n\r\n", $rest // '';
}

$SIG{PIPE} = 'IGNORE';
my $wait = IO::Select->new($listen, \*STDIN);
while (1) {
	for my $fd ($wait->can_read) {
		exit 0 if $fd == \*STDIN && !sysread STDIN, my $x, 1;
		next if $fd != $listen;
		my $c = $listen->accept or next;
		binmode $c;
		serve($c);
		close $c;
	}
}
