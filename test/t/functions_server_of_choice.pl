# Property: dns_query_at() and dns_message_at() ask the server that the caller names,
# written as strictly as in the configuration, and no other; the session's settings
# apply, and the session forgets nothing about its own servers.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

my $server = NameServer->misbehaving;
my $chosen = NameServer->misbehaving;
my $knot = NameServer->knot;
my $failing = NameServer->misbehaving(mode => 'servfail');
my $closed = '127.0.0.1:' . NameServer->closed_port;
my @all = ($server, $chosen, $failing);
my $node = Session->cluster([$server]);

# A session with these settings, and new logs of the servers
sub session
{
	my (%settings) = @_;
	my $session = Session->new($node);

	$session->text("SET pgcares.$_ = '$settings{$_}'") foreach sort keys %settings;
	$_->forget foreach @all;
	return $session;
}

# The answer of the server with this address, as records and as a message
sub query_at
{
	my ($session, $address, $name) = @_;
	my $result = $session->query("SELECT rdata FROM dns_query_at('$address', '$name')");

	return $result->{error} ? $result->{error}{C} : join ' ', map { @$_ } @{ $result->{rows} };
}

sub message_at
{
	my ($session, $columns, $address, $name) = @_;
	return $session->text("SELECT $columns FROM dns_message_at('$address', '$name')");
}

sub counts
{
	return join ' ', map { $_->count } @_;
}

# ---- The form of a server

my $session = session();
my @wrong = ('', ' ', 'localhost', 'ns.example', '127.0.0.', '127..1', '1.2.3.4.5', '0x7f00000g', '127.0.0.1:', '127.0.0.1:0',
	'127.0.0.1:65536', '127.0.0.1:53x', '127.0.0.1:-1', '127.0.0.1 ', ' 127.0.0.1', '127.0.0.1, 127.0.0.2',
	'127.0.0.1,127.0.0.2', '"127.0.0.1"', '[127.0.0.1]', '[127.0.0.1]:53', '127.0.0.1%lo', '::1:53:', '[::1', '::1]',
	'[::1]53', '[::1]:', '[::1]:99999', ':::1', 'fe80::1', '[fe80::1]:53', 'fec0::1', 'fe80::1%', "fe80::1%lo\n",
	'fe80::1%lo,127.0.0.1', 'fe80::1%' . 'x' x 16, 'dns://127.0.0.1', '127.0.0.1/8', "127.0.0.1\n", '127.0.0.1;127.0.0.2',
	'1' x 1000);
foreach my $address (@wrong)
{
	my $name = substr($address =~ s/\n/\\n/gr, 0, 30);

	foreach my $function ("dns_query_at('$address', 'a.example', on_error => 'ignore')",
		"dns_message_at('$address', 'a.example')")
	{
		my $error = $session->query("SELECT * FROM $function")->{error} // { C => '00000', M => '', H => '' };

		is($error->{C}, '22023', "\"$name\" is not a server");
		like("$error->{M} $error->{H}", qr/is not a name server: .* A name server is written /s, '... and the message tells why');
	}
}
is($session->sqlstate(q{SELECT * FROM dns_message_at('fe80::1%nosuch0', 'a.example')}), '42704', 'no such interface');
is(counts(@all), '0 0 0', 'no server was asked');

# ---- The server is asked, and no other

is(query_at($session, $chosen->address, 'a.example'), '192.0.2.1', 'records of a chosen server');
is(message_at($session, 'server', $chosen->address, 'a.example'), $chosen->address, 'a message of it');
is(counts(@all), '0 2 0', '... only this one was asked');
is(query_at($session, $failing->address, 'a.example'), 'ND002', 'one that fails');
is(query_at($session, $closed, 'a.example'), 'NDA11', 'one that is down');
is(message_at($session, 'status', $closed, 'a.example'), 'UNREACHABLE', '... as a message');
is(counts($server, $chosen), '0 2', '... no other is asked instead');
is(query_at(session(servers => ''), $chosen->address, 'a.example'), '192.0.2.1', 'without configured servers');
is($session->text('SELECT host(address), udp_port FROM dns_servers()'), '127.0.0.1|' . $server->port,
	'the session\'s own servers do not change');

SKIP:
{
	my $six = eval { NameServer->misbehaving(address => '::1') };
	skip 'this host has no ::1', 3 if !$six;
	my $port = $six->port;

	is(message_at($session, 'server', "[::1]:$port", 'a.example'), "[::1]:$port", 'over IPv6');
	is(message_at(session(udp_port => $port), 'server', '::1', 'a.example'), "[::1]:$port", '... without a port');
	is(message_at(session(udp_port => $port), 'server', '[0:0::1]', 'a.example'), "[::1]:$port", '... in brackets');
}
SKIP:
{
	my $link_local = eval { NameServer->misbehaving(address => 'fe80::1%lo') };
	skip 'lo has no address fe80::1', 3 if !$link_local;
	my $port = $link_local->port;

	is(message_at($session, 'server', "[fe80::1%lo]:$port", 'a.example'), "[fe80::1%lo]:$port", 'a link-local address');
	is(message_at(session(udp_port => $port), 'server', 'fe80::1%lo', 'a.example'), "[fe80::1%lo]:$port", '... without a port');
	is(query_at($session, $session->text("SELECT server FROM dns_message_at('[fe80::1%lo]:$port', 'a.example')"), 'a.example'),
		'192.0.2.1', '... and it can be asked in the form that is shown');
}

# ---- The session's settings apply

my %at_chosen = (udp_port => $chosen->port, tcp_port => $failing->port);
is(message_at(session(%at_chosen), 'server, transport', '127.0.0.1', 'a.example'), $chosen->address . '|UDP', 'udp_port');
is(message_at(session(%at_chosen, tcp => 'on'), 'server, transport', '127.0.0.1', 'a.example'),
	$failing->address . '|TCP', 'tcp_port, tcp');
is(message_at(session(%at_chosen), 'server', $server->address, 'a.example'), $server->address, 'a port in the address overrides that');
is(message_at(session(timeout => 100, tries => 3), 'status, tries', $chosen->address, 'drop.example'), 'TIMEOUT|3',
	'timeout, tries');
message_at(session(dnssec => 'on', checking_disabled => 'on', trust_ad => 'on', local_ip4 => '127.0.0.7'), 'ad',
	$chosen->address, 'a.example');
is(join(' ', map { ($chosen->log)[0]{$_} } qw(do cd ad src nsid)), '1 1 1 127.0.0.7 1', 'the form of the query');
is(session(on_error => 'ignore')->text("SELECT * FROM dns_query_at('$closed', 'a.example')"), '', 'on_error');

# ---- Separate rights

my $super = session();
$super->text($_) foreach 'CREATE ROLE plain LOGIN', 'CREATE ROLE operator LOGIN',
  'GRANT EXECUTE ON FUNCTION dns_query, dns_message TO plain, operator',
  'GRANT EXECUTE ON FUNCTION dns_message_at TO operator';
my $plain = Session->new($node, user => 'plain');
my $operator = Session->new($node, user => 'operator');
my $where = $chosen->address;
$_->forget foreach @all;
is($plain->text(q{SELECT rdata FROM dns_query('a.example')}), '192.0.2.1', 'a role that may look up ...');
is($plain->sqlstate("SELECT * FROM dns_query_at('$where', 'a.example')"), '42501', '... may not choose a server');
is($plain->sqlstate("SELECT * FROM dns_message_at('$where', 'a.example')"), '42501', '... nor for messages');
is($operator->text("SELECT status FROM dns_message_at('$where', 'a.example')"), 'NOERROR', 'a role with a grant for one function ...');
is($operator->sqlstate("SELECT * FROM dns_query_at('$where', 'a.example')"), '42501', '... has none for the other');
is($operator->sqlstate("SET pgcares.servers = '$where'"), '42501', '... nor the setting');
is(counts(@all), '1 1 0', '... and only the allowed questions were asked');

# ---- pgcares.allowed_servers bounds whom a choice reaches

my $port = $chosen->port;
my %reaches = (
	'' => [qw(127.0.0.1 127.0.0.2 ::1 ::ffff:127.0.0.1)],
	'127.0.0.1' => [qw(127.0.0.1 127.1 ::ffff:127.0.0.1)],
	'127.0.0.2/31' => [qw(127.0.0.2)],
	'10.0.0.0/8, 127.0.0.0/8' => [qw(127.0.0.1 127.0.0.2 127.1 ::ffff:127.0.0.1)],
	'0.0.0.0/0' => [qw(127.0.0.1 127.0.0.2 127.1 ::ffff:127.0.0.1)],
	'::/0' => [qw(::1)],
	'::1' => [qw(::1)],
	'10.0.0.0/8, 2001:db8::/32' => []);
foreach my $networks (sort keys %reaches)
{
	my %allowed = map { $_ => 1 } @{ $reaches{$networks} }, $networks eq '' ? '127.1' : ();
	my $bounded = session(allowed_servers => $networks, timeout => '200ms', tries => 1);

	foreach my $address (qw(127.0.0.1 127.0.0.2 127.1 ::1 ::ffff:127.0.0.1))
	{
		my $server = $address =~ /:/ ? "[$address]:$port" : "$address:$port";

		$_->forget foreach @all;
		foreach my $call ("dns_query_at('$server', 'a.example', on_error => 'ignore')", "dns_message_at('$server', 'a.example')")
		{
			my $error = $bounded->query("SELECT * FROM $call")->{error} // { C => '00000', M => '', H => '' };

			is($error->{C}, $allowed{$address} ? '00000' : '42501', "allowed are \"$networks\": $address");
			like("$error->{M} $error->{H}", qr/ask name server "\Q$server\E" .*pgcares\.allowed_servers/, '... and the message tells why')
			  if !$allowed{$address};
		}
		is(counts(@all), '0 0 0', '... and it was not asked') if !$allowed{$address};
	}
	is($bounded->text(q{SELECT rdata FROM dns_query('a.example')}), '192.0.2.1', '... the configured servers are asked all the same');
}
is($operator->sqlstate(q{SET pgcares.allowed_servers = ''}), '42501', 'a role cannot lift the bound');
is($operator->sqlstate('SHOW pgcares.allowed_servers'), '42501', '... nor see it');

# ---- The session forgets nothing about its own servers

# An open socket shows whether it is the same channel.
my $keeps_open = session(keep_open => 'on');
$keeps_open->text(q{SELECT * FROM dns_query('first.example')});
query_at($keeps_open, $_, 'chosen.example') foreach $server->address, $chosen->address, $server->address;
$keeps_open->sqlstate("SELECT * FROM dns_query_at('$closed', 'chosen.example')");
$keeps_open->text(q{SELECT * FROM dns_query('last.example')});
my %ports;
push @{ $ports{ $_->{name} } }, $_->{sport} foreach $server->log;
is("@{ $ports{'last.example'} }", "@{ $ports{'first.example'} }", 'the session\'s channel survives calls with chosen servers');
is(scalar(grep { $_ == $ports{'first.example'}[0] } @{ $ports{'chosen.example'} }),
	0, '... which are asked from other sockets, even if they are the same servers');
isnt($ports{'chosen.example'}[0], $ports{'chosen.example'}[1], '... each time from a new one');

# A server that failed is not asked first: chosen servers do not change this.
my $silent = NameServer->silent(address => '127.0.0.2');
my $learned = session(servers => $silent->address . ', ' . $server->address, timeout => '400ms');
$learned->text(q{SELECT * FROM dns_query('a.example')});
$_->forget foreach @all;
query_at($learned, $_->address, 'a.example') foreach $failing, $server, $chosen;
$_->forget foreach @all, $silent;
$learned->text(q{SELECT * FROM dns_query('a.example')});
is(counts($server, $silent), '1 0', 'the failure of the session\'s server is remembered');

# ---- Servers side by side

is($session->text(<<"SQL"), "1|REFUSED|REFUSED\n2|NOERROR|SERVFAIL", 'resolvers compared in one statement');
SELECT n, string_agg(DISTINCT m.status, ' ') FILTER (WHERE s = '${\$chosen->address}'),
	string_agg(DISTINCT m.status, ' ') FILTER (WHERE s <> '${\$chosen->address}')
FROM (VALUES (1, 'rcode5.example'), (2, 'a.example')) AS q (n, name),
	unnest(ARRAY['${\$chosen->address}', CASE n WHEN 1 THEN '${\$knot->address}' ELSE '${\$failing->address}' END]) AS s,
	LATERAL dns_message_at(s, q.name) AS m
GROUP BY n ORDER BY n
SQL

# ---- Nothing is left behind

$session = session();
my $many = <<"SQL";
SELECT count(*), count(a) FROM generate_series(1, 500) AS i LEFT JOIN
	LATERAL dns_query_at(CASE i % 2 WHEN 0 THEN '${\$chosen->address}' ELSE '${\$failing->address}' END,
		'n' || i % 7 || '.example', on_error => 'ignore') AS a ON true,
	LATERAL dns_message_at(CASE i % 3 WHEN 0 THEN '$closed' ELSE '${\$server->address}' END, 'tc.example') AS b
SQL
$session->text($many);
my ($before, $memory) = ($session->descriptors, $session->status('VmRSS'));
is($session->text($many), '500|250', 'a thousand calls, to one server and another in turn');
$session->sqlstate("SELECT 1 / (ttl - ttl) FROM dns_query_at('$where', 'a.example')") foreach 1 .. 20;
is_deeply($session->descriptors, $before, '... leave no descriptor');
SKIP:
{
	skip 'memory is not measured under a checker', 1 if $ENV{PGCARES_WATCHED};
	cmp_ok($session->status('VmRSS') - $memory, '<', 4096, '... and no memory');
}

done_testing();
