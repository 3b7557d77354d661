# Without pgcares.servers, the file pgcares.resolvconf names the servers: as it is at the
# time of the call, with any content, and nothing else counts.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use Fcntl ();
use IO::Socket::IP;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

# Servers at one port: a file names addresses only.
my ($first, $second, $third) = servers_at_one_port('127.0.0.1', '127.0.0.2', has_ip6() ? '::1' : ());
my $port = $first->port;
my $directory = PostgreSQL::Test::Utils::tempdir();
my $file = "$directory/resolv.conf";
my $found = '192.0.2.1|300';

# The environment is the postmaster's, and must not affect lookups.
append_to_file("$directory/aliases", "alias wrong.example\n");
my $node;
{
	local $ENV{RES_OPTIONS} = 'rotate use-vc ndots:15 timeout:1 attempts:1 edns0';
	local $ENV{LOCALDOMAIN} = 'wrong.example';
	local $ENV{HOSTALIASES} = "$directory/aliases";
	local $ENV{CARES_HOSTS} = '/etc/hosts';
	$node = Session->cluster([], "pgcares.udp_port = $port", "pgcares.tcp_port = $port");
}

# A session keeps its channel, and must notice changes.
my $session = Session->new($node);
$session->text("SET pgcares.resolvconf = '$file'");

sub has_ip6
{
	return IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Proto => 'udp');
}

sub servers_at_one_port
{
	my ($address, @further) = @_;

	foreach (1 .. 20)
	{
		my $server = NameServer->misbehaving(address => $address);
		my @all = ($server, map { eval { NameServer->misbehaving(address => $_, port => $server->port) } } @further);
		return @all if @all > @further;
	}
	die "no port is free at $address and @further\n";
}

sub write_file
{
	my ($path, $content) = @_;

	open(my $handle, '>', $path) or die "cannot write \"$path\": $!\n";
	print $handle $content;
	close $handle or die "cannot write \"$path\": $!\n";
}

sub nameservers
{
	return join '', map { "nameserver $_\n" } @_;
}

sub lookup
{
	my ($name) = @_;
	$_->forget foreach grep { defined } $first, $second, $third;
	return $session->query("SELECT * FROM dns_a('" . ($name // 'n.example') . "')");
}

# Tests that a lookup succeeds and asks this server only.
sub asks
{
	my ($server, $what) = @_;
	my $result = lookup();

	is(Session::sqlstate_of($result), '00000', "$what: lookup succeeds");
	is_deeply([ map { $_->count } $first, $second ], [ $server == $first ? 1 : 0, $server == $second ? 1 : 0 ],
		"$what: the right server is asked");
}

# A property of the first query that a server has seen
sub seen
{
	my ($server, $what) = @_;
	my ($query) = $server->log;

	return $query ? $query->{$what} : undef;
}

sub asks_nobody
{
	my ($what) = @_;

	is(Session::sqlstate_of(lookup()), 'NDA26', "$what: there is no server");
	is($session->text('SELECT count(*) FROM dns_servers()'), '0', "$what: dns_servers() has none");
	is($session->text('SELECT pg_backend_pid()'), $session->pid, "$what: the session goes on");
}

sub servers_shown
{
	return $session->text('SELECT ord, address, udp_port, tcp_port, interface, source FROM dns_servers()');
}

# The file changes between two calls
write_file($file, nameservers('127.0.0.1'));
asks($first, 'a file');
is(servers_shown(), "1|127.0.0.1|$port|$port||$file", 'a file: dns_servers()');
write_file($file, nameservers('127.0.0.2'));
asks($second, 'rewritten');
is(servers_shown(), "1|127.0.0.2|$port|$port||$file", 'rewritten: dns_servers()');
write_file("$file.new", nameservers('127.0.0.1'));
rename "$file.new", $file;
asks($first, 'replaced');

my $mtime = (stat $file)[9];
write_file($file, nameservers('127.0.0.2'));
utime $mtime, $mtime, $file;
lookup();
write_file($file, nameservers('127.0.0.1'));
utime $mtime, $mtime, $file;
asks($first, 'rewritten with the time kept');

write_file("$directory/other", nameservers('127.0.0.2'));
symlink "$directory/other", "$file.new";
rename "$file.new", $file;
asks($second, 'replaced by a link');
write_file("$directory/another", nameservers('127.0.0.1'));
symlink "$directory/another", "$file.new";
rename "$file.new", $file;
asks($first, 'the link leads to another file');

# The file is deleted, and then created again.
unlink $file;
asks_nobody('missing');
$session->text('SET pgcares.default_server = on');
asks($first, 'missing, the default server allowed');
is(servers_shown(), "1|127.0.0.1|$port|$port||default", 'missing, the default server allowed: dns_servers()');
write_file($file, nameservers('127.0.0.2'));
asks($second, 'created again');
SKIP:
{
	chmod 0, $file;
	skip 'this user can read every file', 1 if -r $file;
	$session->text('SELECT dns_reset()');
	asks($first, 'unreadable, the default server allowed');
	chmod 0600, $file;
	asks($second, 'readable again');
	$session->text('RESET pgcares.default_server');
	chmod 0, $file;
	$session->text('SELECT dns_reset()');
	asks_nobody('unreadable');
	chmod 0600, $file;
	asks($second, 'readable');
}
$session->text('RESET pgcares.default_server');
unlink $file;
mkdir $file;
asks_nobody('a directory');
rmdir $file;
asks_nobody('missing again');

# Contents of no use
srand 1;
foreach ([ '', 'empty' ], [ "\n\n\n", 'empty lines' ], [ "nameserver\nnameserver \n", 'no address' ],
	[ nameservers('localhost', 'ns.example', '127.0.0.1:53', '[::1]', '1.2.3.4.5', '::g', '127.0.0.1x', '-', '"'), 'no addresses' ],
	[ join('', map { chr int rand 256 } 1 .. 1 << 20), 'junk' ], [ 'x' x (1 << 20), 'a long line' ],
	[ 'nameserver ' . '1' x (1 << 20), 'a long address' ], [ "\0" x 4096, 'zeros' ],
	[ "options " . 'ndots:9 ' x 100000 . "\n", 'many options' ])
{
	my ($content, $what) = @$_;

	write_file($file, $content);
	asks_nobody($what);
}

# Ways to write it
foreach ([ "nameserver 127.0.0.2", 'no line feed at the end' ], [ "nameserver 127.0.0.2\r\n", 'CRLF' ],
	[ "# nameserver 127.0.0.1\n; nameserver 127.0.0.1\nnameserver 127.0.0.2\n", 'comments' ],
	[ "nameserver 127.0.0.2 # the second\n", 'a comment after it' ],
	[ "nameserver 127.0.0.2 ; the second\n", 'another comment after it' ],
	[ "nameserver\t127.0.0.2  \t\n", 'tabs' ], [ "  nameserver 127.0.0.1\nnameserver 127.0.0.2\n", 'spaces before another one' ],
	[ "nameserver fe80::1\nnameserver nonsense\nnameserver 127.0.0.2\n", 'bad addresses before' ],
	[ nameservers('127.0.0.2') . join('', map { chr int rand 256 } 1 .. 1 << 20), 'junk after it' ],
	[ nameservers(('127.0.0.2') x 50), 'the same 50 times' ],
	[ nameservers('127.0.0.2', map { "127.9.0.$_" } 1 .. 49), '50 servers' ],
	[ nameservers('127.0.0.2', map { "127.9.0.$_" } 1 .. 250), '251 servers' ],
	[ nameservers('127.0.0.2') . "search wrong.example\ndomain wrong.example\nsortlist 10.0.0.0/99 x\n", 'other lines' ],
	[ nameservers('127.0.0.2') . "options ndots:-1 timeout:99999999999 attempts:x rotate:no :::\n", 'absurd options' ],
	[ nameservers('127.0.0.2') . "options\noptions \nunknown 1 2 3\n", 'meaningless lines' ])
{
	my ($content, $what) = @$_;

	write_file($file, $content);
	asks($second, $what);
	is(seen($second, 'name'), 'n.example', "$what: the name is asked unchanged");
	is($session->text('SELECT address FROM dns_servers() WHERE ord = 1'), '127.0.0.2', "$what: dns_servers()");
}

# Options that the administrator decides on
sub asked_in_20
{
	$_->forget foreach $first, $second;
	foreach my $number (1 .. 20)
	{
		is($session->text("SELECT * FROM dns_a('n$number.example')"), $found, 'a lookup');
	}
	return [ map { $_->count } $first, $second ];
}

write_file($file, nameservers('127.0.0.1', '127.0.0.2'));
is(servers_shown(), "1|127.0.0.1|$port|$port||$file\n2|127.0.0.2|$port|$port||$file", 'two servers: dns_servers()');
is_deeply(asked_in_20(), [ 20, 0 ], 'two servers: the first is asked');
write_file($file, nameservers('127.0.0.1', '127.0.0.2') . "options rotate\n");
my $rotated = asked_in_20();
ok($rotated->[0] > 0 && $rotated->[1] > 0, 'rotate: both are asked') or diag("@$rotated");
$session->text('SET pgcares.rotate = off');
is_deeply(asked_in_20(), [ 20, 0 ], 'rotate, switched off by the setting: the first is asked');
$session->text('RESET pgcares.rotate');

write_file($file, nameservers('127.0.0.1') . "options use-vc\n");
asks($first, 'use-vc');
is(seen($first, 'transport'), 'tcp', 'use-vc: over TCP');

# timeout and attempts count as in the C library, unless somebody has set the setting, even
# to its default: options, settings, queries, and seconds at least.
$node->adjust_conf('postgresql.conf', 'pgcares.timeout', undef);
$node->reload;
Session::wait_until(sub { $session->text('SHOW pgcares.timeout') eq '2s' }, 'the default timeout');
foreach (
	[ 'timeout:1 attempts:2', [], 2, 2 ], [ 'attempts:1 timeout:1', [], 1, 1 ], [ 'timeout:0 attempts:0', [], 1, 1 ],
	[ 'timeout:-3 attempts:-3', [], 1, 1 ], [ 'timeout:3 attempts:3 timeout:1 attempts:1', [], 1, 1 ],
	[ 'attempts:3', [ timeout => '100ms' ], 3, 0.3 ], [ 'attempts:99', [ timeout => '100ms' ], 4, 0.4 ],
	[ 'attempts:99', [ timeout => '100ms', max_tries => 9 ], 5, 0.5 ], [ 'timeout:3', [ tries => 1 ], 1, 3 ],
	[ 'timeout:30', [ tries => 1, max_timeout => '300ms' ], 1, 0.3 ], [ 'timeout:30 attempts:1', [ timeout => '100ms', tries => 3 ], 3, 0.3 ],
	[ 'attempts:1', [ timeout => '100ms', tries => 4 ], 4, 0.4 ], [ 'timeout:30 attempts:1', [ timeout => '100ms', tries => 3, servers => "127.0.0.1:$port" ], 3, 0.3 ])
{
	my ($options, $set, $queries, $least) = @$_;
	my %set = @$set;
	my $with = "$options, " . join ', ', map { "$_ $set{$_}" } sort keys %set;
	my $another = Session->new($node);

	write_file($file, nameservers('127.0.0.1') . "options $options\n");
	$another->text(join ';', "SET pgcares.resolvconf = '$file'", map { "SET pgcares.$_ = '$set{$_}'" } sort keys %set);
	foreach my $call ("dns_message('drop.example')", "dns_message_many('{drop.b.example}')")
	{
		my ($status, $tries, $time) = split /\|/, $another->text("SELECT status, tries, extract(epoch FROM elapsed) FROM $call");

		is("$status $tries", "TIMEOUT $queries", "$with, $call: queries");
		cmp_ok($time, '>=', $least * 0.9, '... for that time');
		cmp_ok($time, '<', $least + 10, '... and not much longer');
	}
	$another->close;
}

# A session that goes on
write_file($file, nameservers('127.0.0.1') . "options timeout:1 attempts:1\n");
lookup('drop.example');
is($first->count, 1, 'attempts of a file');
write_file($file, nameservers('127.0.0.1') . "options attempts:2 timeout:1\n\n");
lookup('drop.example');
is($first->count, 2, '... that has changed');
$session->text(q{SET pgcares.tries = 4; SET pgcares.timeout = '100ms'});
lookup('drop.example');
is($first->count, 4, '... after both are set');
$session->text('RESET pgcares.timeout; RESET pgcares.tries');
lookup('drop.example');
is($first->count, 2, '... and reset');
write_file($file, nameservers('127.0.0.1'));

SKIP:
{
	skip 'there is no IPv6', 3 if !$third;
	write_file($file, nameservers('::1'));
	is(Session::sqlstate_of(lookup()), '00000', 'IPv6: lookup succeeds');
	is($third->count, 1, 'IPv6: the right server is asked');
	is(servers_shown(), "1|::1|$port|$port||$file", 'IPv6: dns_servers()');
}

# With servers in the settings, neither the file nor the environment counts.
write_file($file, nameservers('127.0.0.1') . "options use-vc rotate\n");
$session->text("SET pgcares.servers = '127.0.0.2:$port, 127.0.0.1'; SET pgcares.timeout = '100ms'; SET pgcares.tries = 2");
is(servers_shown(), "1|127.0.0.2|$port|$port||pgcares.servers\n2|127.0.0.1|$port|$port||pgcares.servers",
	'servers in the settings: dns_servers()');
is_deeply(asked_in_20(), [ 0, 20 ], 'servers in the settings: the first of them is asked');
is_deeply([ grep { $_->{transport} ne 'udp' } $second->log ], [], 'servers in the settings: over UDP');
is(Session::sqlstate_of(lookup('alias')), '00000', 'servers in the settings: a name without dots');
is(seen($second, 'name'), 'alias', 'servers in the settings: it is asked unchanged');
$session->text("SET pgcares.servers = '127.0.0.2'");
is(Session::sqlstate_of(lookup('drop.example')), 'NDA12', 'servers in the settings: the outcome of silence');
is($second->count, 2, 'servers in the settings: tries are those of the settings');

$session->text(q{SET pgcares.servers = ''});
write_file($file, nameservers('127.0.0.1'));
asks($first, 'back to the file');
is(seen($first, 'transport'), 'udp', 'back to the file: over UDP');

# Opening a pipe that nobody writes to would wait for ever, and no signal would end that.
unlink $file;
POSIX::mkfifo($file, 0600) or die "cannot make a pipe: $!\n";
$session->send(q{SELECT * FROM dns_a('n.example')});
my $result = eval { local $PostgreSQL::Test::Utils::timeout_default = 10; $session->result };
is($result ? Session::sqlstate_of($result) : 'none', 'NDA26', 'a named pipe: the outcome');
sysopen(my $pipe, $file, Fcntl::O_WRONLY | Fcntl::O_NONBLOCK) if !$result;
done_testing();
