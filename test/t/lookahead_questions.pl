# Property: look-ahead asks the questions of the statement, and few more: at most twice
# the rows that a LIMIT, an EXISTS or a cursor reads, exactly as many if their number is
# known, and none for hidden rows, for calls that are not certain to be made, or for
# roles that may not make them.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server]);
my $super = Session->new($node);

$super->text($_) foreach
  "CREATE TABLE hosts AS SELECT i AS id, i % 10 AS grp, 'h' || i || '.example' AS n, NULL::text AS spare FROM generate_series(1, 1000) i",
  'CREATE INDEX ON hosts (id)',
  'CREATE SEQUENCE s',
  'CREATE ROLE caller LOGIN',
  'CREATE TABLE guarded AS SELECT id, grp, n FROM hosts WHERE id <= 100',
  'CREATE TABLE secrets AS SELECT id FROM guarded WHERE id % 2 = 0',
  'CREATE POLICY p ON guarded USING (grp < 3)',
  'ALTER TABLE guarded ENABLE ROW LEVEL SECURITY',
  'CREATE VIEW barrier WITH (security_barrier) AS SELECT id, grp, n FROM hosts WHERE id <= 100 AND grp < 3',
  'CREATE VIEW joined WITH (security_barrier) AS SELECT h.id, h.n FROM hosts h WHERE h.id <= 100 AND EXISTS (SELECT FROM secrets s WHERE s.id = h.id)',
  'GRANT SELECT ON hosts, guarded, barrier, joined TO caller',
  'ANALYZE';
my $caller = Session->new($node, user => 'caller');

# Does the plan of a statement have the node?
sub has_node
{
	my ($session, $sql) = @_;
	return $session->text("EXPLAIN $sql") =~ /DnsLookahead/ ? 1 : 0;
}

# The number of rows, and of different names that were asked, or of those that match a
# pattern
sub asked
{
	my ($session, $sql, $pattern) = @_;

	$server->forget;
	my $result = $session->query($sql);
	my %names = map { $_->{name} => 1 } grep { !defined $pattern || $_->{name} =~ $pattern } $server->log;
	return ($result->{error} ? "error $result->{error}{C}" : scalar @{ $result->{rows} }, scalar keys %names);
}

# ---- LIMIT: at most twice the rows

my $lateral = 'SELECT h.id, a.address FROM hosts h, LATERAL dns_a(h.n) a';
my $scalar = 'SELECT h.id, dns_lookup(h.n, 4) FROM hosts h';

foreach (
	[ "$lateral LIMIT 10", 10 ],
	[ "$lateral OFFSET 5 LIMIT 5", 10 ],
	[ "$lateral LIMIT (SELECT 10)", 10 ],
	[ "$lateral ORDER BY h.id LIMIT 10", 10 ],
	[ "$lateral LIMIT 1", 1 ],
	[ "$lateral FETCH FIRST 10 ROWS ONLY", 10 ],
	[ "SELECT h.id FROM hosts h LEFT JOIN LATERAL dns_a(h.n) a ON true LIMIT 10", 10 ],
	[ "$scalar WHERE dns_lookup(h.n, 4) IS NOT NULL LIMIT 10", 10 ],
	[ 'SELECT h.id, dns_a(h.n) FROM hosts h LIMIT 10', 10 ],
	[ 'SELECT h.id, (SELECT max(address) FROM dns_a(h.n)) FROM hosts h LIMIT (SELECT 10)', 10 ])
{
	my ($sql, $wanted) = @$_;
	my ($rows, $names) = asked($super, $sql);

	ok(has_node($super, $sql), "$sql: has the node");
	cmp_ok($rows, '>', 0, '... has rows');
	cmp_ok($names, '>=', $wanted, '... asks for them');
	cmp_ok($names, '<=', $wanted == 1 ? 4 : 2 * $wanted, '... and for few more');
}

# exactly, if the number of rows is known
foreach (
	[ "$scalar LIMIT 10", 10 ],
	[ "$scalar LIMIT 10 OFFSET 5", 15 ],
	[ "$scalar ORDER BY h.id LIMIT 10", 10 ],
	[ "$scalar ORDER BY h.grp, h.id LIMIT 10", 10 ],
	[ "SELECT * FROM ($scalar OFFSET 0) s LIMIT 10", 10 ],
	[ "$scalar LIMIT 0", 0 ],
	[ "$scalar LIMIT 2000", 1000 ])
{
	my ($sql, $wanted) = @$_;
	is((asked($super, $sql))[1], $wanted, "$sql: so many names");
}
ok(has_node($super, "$scalar LIMIT 10"), '... with the node');
is($super->text("SELECT count(nextval) FROM (SELECT nextval('s'), dns_lookup(h.n, 4) FROM hosts h LIMIT 3) x; SELECT last_value FROM s"),
	"3\n3", 'the rest of the SELECT list is computed only for the rows of the result');

# a parameter is not a constant
$super->text("SET plan_cache_mode = force_generic_plan; PREPARE p (bigint) AS $lateral LIMIT \$1");
cmp_ok((asked($super, 'EXECUTE p (10)'))[1], '<=', 20, 'LIMIT $1: few more');
$super->text('RESET plan_cache_mode');

# ---- EXISTS, and cursors

foreach (
	[ "SELECT EXISTS ($lateral)", 1 ],
	[ "SELECT 1 WHERE EXISTS ($lateral WHERE a.ttl > 0)", 1 ],
	[ "SELECT EXISTS ($lateral WHERE h.id > 7)", 1 ],
	[ "SELECT 5 IN (SELECT h.id FROM hosts h, LATERAL dns_a(h.n) a WHERE a.ttl + g > 0) FROM generate_series(1, 1) g", 5 ])
{
	my ($sql, $wanted) = @$_;
	cmp_ok((asked($super, $sql))[1], '<=', $wanted == 1 ? 4 : 2 * $wanted, "$sql: few more");
}
foreach my $kind ('NO SCROLL', 'SCROLL', '')
{
	foreach ([ 'lateral', $lateral ], [ 'scalar', $scalar ])
	{
		my ($what, $sql) = @$_;

		$super->text("BEGIN; DECLARE c $kind CURSOR FOR $sql");
		my ($rows, $names) = asked($super, 'FETCH 10 FROM c');
		is($rows, 10, "$kind cursor, $what: ten rows");
		cmp_ok($names, '<=', 20, '... few more names');
		my ($more_rows, $more) = asked($super, 'FETCH 50 FROM c');
		cmp_ok($names + $more, '<=', 120, '... after 60 rows too');
		is((asked($super, 'CLOSE c'))[1], 0, '... none when it is closed');
		$super->text('COMMIT');
	}
}

# ---- Calls that are not certain

foreach (
	[ 'SELECT CASE WHEN h.id <= 7 THEN dns_lookup(h.n, 4) END FROM hosts h', 7 ],
	[ 'SELECT coalesce(h.grp::text, host(dns_lookup(h.n, 4))) FROM hosts h', 0 ],
	[ 'SELECT coalesce(h.spare, host(dns_lookup(h.n, 4))) FROM hosts h WHERE h.id <= 7', 7 ],
	[ 'SELECT h.id <= 7 AND dns_lookup(h.n, 4) IS NULL FROM hosts h', 7 ],
	[ 'SELECT h.id > 7 OR dns_lookup(h.n, 4) IS NULL FROM hosts h', 7 ],
	[ 'SELECT count(*) FROM hosts h WHERE h.id > 7 OR dns_lookup(h.n, 4) IS NULL', 7 ],
	[ 'SELECT count(*) FROM hosts h WHERE h.id <= 7 AND dns_lookup(h.n, 4) IS NOT NULL', 7 ],
	[ 'SELECT count(dns_lookup(h.n, 4)) FILTER (WHERE h.id <= 7) FROM hosts h', 7 ],
	[ 'SELECT CASE WHEN h.id <= 7 THEN (SELECT count(*) FROM dns_a(h.n)) END FROM hosts h', 7 ],
	[ 'SELECT h.id <= 7 AND EXISTS (SELECT FROM dns_a(h.n)) FROM hosts h', 7 ],
	[ 'SELECT count(*) FROM hosts h LEFT JOIN LATERAL (SELECT * FROM dns_a(h.n) WHERE h.id <= 7 OFFSET 0) a ON true', 7 ],
	[ 'SELECT count(*) FROM hosts h LEFT JOIN LATERAL dns_a(CASE WHEN h.id <= 7 THEN h.n END) a ON true', 7 ],
	[ 'SELECT nullif(h.id, 3) IS NULL AND dns_lookup(h.n, 4) IS NULL FROM hosts h', 1 ],
	[ 'SELECT count(*) FROM hosts h LEFT JOIN LATERAL dns_a(h.n) a ON false', 0 ],
	[ 'SELECT count(*) FROM hosts h, LATERAL dns_a(h.n) a WHERE (SELECT count(*) FROM secrets) < 0', 0 ],
	[ 'SELECT count(*) FROM (SELECT * FROM hosts WHERE id < 0) e JOIN LATERAL dns_a(e.n) a ON true', 0 ])
{
	my ($sql, $wanted) = @$_;
	is((asked($super, $sql))[1], $wanted, "$sql: so many names");
}

# Volatile arguments are computed once, by the call.
is($super->text(q{SELECT setval('s', 1)}), 1, 'a sequence');
is((asked($super, q{SELECT dns_lookup('v' || nextval('s') || '.' || h.n, 4) FROM hosts h WHERE h.id <= 50}))[1], 50,
	'a volatile argument: the number of names');
is($super->text('SELECT last_value FROM s'), 51, '... and it is computed once');

# Nothing is asked for a NULL, a bad name or a text that is not an address.
$super->text(q{CREATE TABLE odd AS SELECT i AS id, CASE WHEN i % 2 = 0 THEN NULL ELSE 'h' || i || '.example' END AS n FROM generate_series(1, 20) i});
is((asked($super, 'SELECT dns_lookup(n, 4) FROM odd'))[1], 10, 'NULLs are not asked for');
$super->text(q{UPDATE odd SET n = 'a..b' WHERE id = 10; UPDATE odd SET n = 'x.invalid' WHERE id = 8; UPDATE odd SET n = '192.0.2.5' WHERE id = 6});
my $result = $super->query('SELECT id, dns_lookup(n, 4, $$ignore$$) FROM (SELECT * FROM odd ORDER BY id OFFSET 0) o');
is(Session::sqlstate_of($result), '00000', 'a bad name is no error');
is(scalar @{ $result->{rows} }, 20, '... and ends nothing');
is($result->{rows}[9][1], undef, '... its row has no address');

# ---- Roles that may not see rows, or may not ask

$super->text('GRANT EXECUTE ON FUNCTION dns_a(text, text), dns_lookup(text, int, text) TO caller');
foreach my $relation ('guarded', 'barrier')
{
	foreach my $sql (
		"SELECT r.id FROM $relation r, LATERAL dns_a(r.n) a",
		"SELECT r.id, dns_lookup(r.n, 4) FROM $relation r",
		"SELECT r.id FROM $relation r WHERE dns_lookup(r.n, 4) IS NOT NULL",
		"SELECT r.id FROM $relation r WHERE EXISTS (SELECT FROM dns_a(r.n))",
		"SELECT r.id, (SELECT max(address) FROM dns_a(r.n)) FROM $relation r")
	{
		ok(has_node($caller, $sql), "$sql: has the node");
		is(join(' ', asked($caller, $sql)), '30 30', '... and looks up the visible rows');
		is((asked($caller, $sql, qr/^h\d*[3-9]\.example/))[1], 0, '... and nothing else');
	}
}
is(join(' ', asked($caller, 'SELECT id, dns_lookup(n, 4) FROM joined')), '50 50', 'a view with a join: the visible rows');
is(join(' ', asked($caller, 'SELECT id FROM joined WHERE dns_lookup(n, 4) IS NOT NULL')), '50 50', '... also in a condition');

$super->text('REVOKE EXECUTE ON FUNCTION dns_a(text, text), dns_lookup(text, int, text) FROM caller');
foreach my $sql ("$lateral", $scalar, 'SELECT count(*) FROM hosts h WHERE dns_lookup(h.n, 4) IS NOT NULL',
	'SELECT count(dns_lookup(h.n, 4)) FROM hosts h', 'SELECT (SELECT count(*) FROM dns_a(h.n)) FROM hosts h',
	'SELECT h.id, dns_a(h.n) FROM hosts h')
{
	is(join(' ', asked($caller, $sql)), 'error 42501 0', "$sql: refused, and nothing is asked");
}

done_testing();
