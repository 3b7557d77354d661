# Property: dns_query_at() and dns_message_at() are looked ahead for: many servers are asked
# at the same time, and each gives its own answer. Rows, errors and questions are those
# without look-ahead, and nothing is left.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $failing = NameServer->misbehaving(mode => 'servfail');
my $silent = NameServer->silent;
my $closed = '127.0.0.1:' . NameServer->closed_port;
my $node = Session->cluster([$server], "pgcares.timeout = '5s'", 'pgcares.tries = 1', 'max_parallel_workers_per_gather = 0');
my $session = Session->new($node);
my $port = $server->port;

# Many ways to write one server, each of which counts as another one
$session->text($_) foreach
  sprintf(q{CREATE TABLE resolvers AS SELECT i AS id, '0x' || repeat('0', i %% 12) || '7f.0x' || repeat('0', i / 12) || '1:%s' AS server FROM generate_series(1, 150) i}, $port),
  q{CREATE TABLE names AS SELECT i AS id, 'h' || i || '.example' AS name FROM generate_series(1, 40) i},
  sprintf(q{CREATE TABLE mixed AS SELECT i AS id, (ARRAY['%s', '%s', '%s', NULL, '%s'])[i %% 5 + 1] AS server FROM generate_series(1, 30) i},
	$server->address, $failing->address, $closed, $silent->address),
  'ANALYZE';

sub rows
{
	my ($with, $sql) = @_;
	my $result = $with->query($sql);
	return join "\n", (map { join '|', map { $_ // '\N' } @$_ } @{ $result->{rows} }), $result->{error} ? "$result->{error}{C} $result->{error}{M}" : ();
}

# ---- At the same time

foreach (
	[ 50, q{SELECT count(*), count(DISTINCT m.server), min(m.status), max(m.tries) FROM resolvers r, LATERAL dns_message_at(r.server, 'delay100.s' || r.id || '.example') m WHERE r.id <= 50},
		'50|1|NOERROR|1' ],
	[ 150, q{SELECT count(*) FROM resolvers r, LATERAL dns_message_at(r.server, 'delay100.one.example') m WHERE m.status = 'NOERROR'}, '150' ],
	[ 150, q{SELECT count(q.rdata) FROM resolvers r LEFT JOIN LATERAL dns_query_at(r.server, 'delay100.two.example') q ON true}, '150' ],
	[ 40, sprintf(q{SELECT count(*) FROM names n, LATERAL dns_query_at('%s', 'delay100.' || n.name) q}, $server->address), '40' ])
{
	my ($count, $sql, $expected) = @$_;
	my $start = time;

	like($session->text("EXPLAIN $sql"), qr/Look-ahead: dns_\w+_at/, "$sql: the node");
	$server->forget;
	is($session->text($sql), $expected, '... the rows');
	# one after another they take this times 0.1 s
	cmp_ok(time - $start, '<', $count * 0.1 / 2, '... at the same time');
	is($server->count, $count, '... each server is asked once');
	note(sprintf '%d questions in %.2f s', $count, time - $start);
	is_deeply([ $session->inet_sockets ], [], '... no socket is left');
}

# ---- The same as without look-ahead

$session->text("SET pgcares.timeout = '300ms'");
foreach my $sql (
	q{SELECT x.id, m.status, m.server, m.answer FROM mixed x LEFT JOIN LATERAL dns_message_at(x.server, 'sound.example') m ON true},
	q{SELECT x.id, n.id, q.rdata FROM mixed x, names n, LATERAL dns_query_at(x.server, n.name, on_error => 'ignore') q WHERE x.id < 3 AND n.id < 5},
	q{SELECT r.id, m.status FROM resolvers r, LATERAL dns_message_at(CASE WHEN r.id = 20 THEN 'no server' ELSE r.server END, 'sound.example') m},
	q{SELECT r.id, m.status FROM resolvers r, LATERAL dns_message_at(r.server, CASE WHEN r.id = 20 THEN 'a..b' ELSE 'sound.example' END) m},
	q{SELECT r.id, q.rdata FROM resolvers r, LATERAL dns_query_at(r.server, 'sound.example', CASE WHEN r.id = 20 THEN 'no type' ELSE 'A' END) q},
	q{SELECT r.id, q.rdata FROM resolvers r, LATERAL dns_query_at(r.server, CASE WHEN r.id = 20 THEN 'rcode5.example' ELSE 'sound.example' END) q},
	q{SELECT r.id, (SELECT max(m.status) FROM dns_message_at(r.server, 'sound.example') m) FROM resolvers r LIMIT 7},
	q{SELECT r.id, m.status, l.rdata FROM resolvers r, LATERAL dns_message_at(r.server, 'sound.example') m, LATERAL dns_query('sound.example') l WHERE r.id <= 70})
{
	my $on = rows($session, $sql);
	$session->text('SET pgcares.lookahead = off');
	my $off = rows($session, $sql);
	$session->text('RESET pgcares.lookahead');
	is($on, $off, $sql);
	is_deeply([ $session->inet_sockets ], [], '... no socket is left');
}

# A role that may not ask other servers asks none.
$session->text($_) foreach 'CREATE ROLE caller LOGIN', 'GRANT SELECT ON resolvers TO caller',
  'GRANT EXECUTE ON FUNCTION dns_message_at(text, text, text, text) TO caller', "ALTER SYSTEM SET pgcares.allowed_servers = '192.0.2.0/24'", 'SELECT pg_reload_conf()';
my $caller = Session->new($node, user => 'caller');
$server->forget;
is($caller->sqlstate(q{SELECT r.id, m.status FROM resolvers r, LATERAL dns_message_at(r.server, 'sound.example') m}), '42501', 'a server that is not allowed');
is($server->count, 0, '... is not asked');

done_testing();
