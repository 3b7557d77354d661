# Property: each call of a statement that has no look-ahead is shown, with the reason: by
# EXPLAIN (VERBOSE) if the plan has a node, and by a message at DEBUG1. The reasons are
# those of docs/look-ahead.md, and no call that has look-ahead is among them.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'jit = off', 'max_parallel_workers_per_gather = 0');
my $setup = Session->new($node);
my $root = "$FindBin::Bin/../..";

# ---- The documentation has the reasons of the code

my %in_code = map { $_ => 1 } slurp_file("$root/src/lookahead/reasons.c") =~ /^\t\[REASON_\w+\] = "(.*)",?$/mg;
my ($section) = slurp_file("$root/docs/look-ahead.md") =~ /^## Why a call has no look-ahead$(.*?)(?:^## |\z)/ms;
my %in_docs = map { $_ => 1 } grep { !/^(?:reason|-+)$/ } ($section // '') =~ /^\| *(.*?) *\|/mg;

cmp_ok(scalar(keys %in_code), '>', 10, 'reasons in the code');
is_deeply([ sort keys %in_docs ], [ sort keys %in_code ], 'docs/look-ahead.md lists the same');

# ---- Each reason

$setup->text($_) foreach
  "CREATE TABLE hosts AS SELECT i AS id, 'h' || i || '.example' AS name, inet '192.0.2.0' + i AS ip, repeat('x', i) AS kind FROM generate_series(1, 20) i",
  'CREATE TABLE known AS SELECT id, ip FROM hosts WHERE id < 9',
  'CREATE TABLE made (id int PRIMARY KEY, name text, ip inet)',
  'CREATE INDEX ON hosts (id)', 'CREATE INDEX ON known (id)', 'CREATE SEQUENCE s',
  'CREATE TABLE fires (id int, name text)', q{CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'},
  'CREATE TRIGGER fire BEFORE UPDATE ON fires FOR EACH ROW EXECUTE FUNCTION fire()',
  q{CREATE FUNCTION own(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN name; END'},
  q{CREATE FUNCTION seen(name text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN true; END'},
  'ANALYZE';

# The reasons that a statement gives, each once, by message and by EXPLAIN
sub reasons
{
	my ($statement) = @_;
	my @settings = $statement =~ /^((?:SET [^;]*; )*)(.*)/s;
	my $plan = $setup->text("BEGIN; $settings[0]EXPLAIN (VERBOSE) $settings[1]");
	my @shown = $plan =~ /No Look-ahead: (.*)/g;
	my $result = $setup->query("SET LOCAL client_min_messages = debug1; EXPLAIN $settings[1]");
	my @told = map { $_->{M} =~ /^no look-ahead for (.*)/ ? $1 : () } @{ $result->{notices} };

	$setup->text('ROLLBACK');
	return (\@told, $plan =~ /DnsLookahead/ ? \@shown : undef);
}

my %tried;
foreach (
	[ 'its argument can raise an error that cannot be held back: own', 'SELECT dns_lookup(own(h.name)) FROM hosts h', undef ],
	[ q{its argument has an effect or sees one: nextval}, q{SELECT dns_lookup(h.name || nextval('s')) FROM hosts h}, undef ],
	[ 'its argument is the answer of another lookup, which can be skipped or warn', q{SELECT dns_lookup(dns_reverse(h.ip, 'warning'), 4) FROM hosts h},
		q{dns_lookup(dns_reverse(h.ip, 'warning'), 4)} ],
	[ 'its argument is the answer of another lookup, which can be skipped or warn', 'SELECT dns_lookup(coalesce(h.name, dns_reverse(h.ip)), 4) FROM hosts h',
		'dns_lookup(..., 4)' ],
	[ 'its argument is a subquery', 'SELECT dns_lookup((SELECT max(kind) FROM hosts k WHERE k.id = h.id)) FROM hosts h', 'dns_lookup(..., 0)' ],
	[ 'its argument is known only after the join', 'SELECT h.id FROM hosts h LEFT JOIN known k ON dns_lookup(h.name || k.id, 4) = k.ip',
		'dns_lookup(h.name || k.id::text, 4)' ],
	[ 'its arguments are the same for all rows', q{SELECT h.id, dns_lookup('a.example', 4) FROM hosts h}, q{dns_lookup('a.example', 4)} ],
	[ 'its argument can only be computed in its place', q{SELECT dns_lookup((string_to_array(h.name, ' ')::varchar(30)[])[1], 4) FROM hosts h}, undef ],
	[ 'to read the rows can raise an error that cannot be held back: own', 'SELECT dns_lookup(n, 4) FROM (SELECT own(h.name) AS n FROM hosts h OFFSET 0) o', undef ],
	[ 'to read the rows can raise an error that cannot be held back: own', 'SELECT dns_lookup(n, 4) FROM hosts h, LATERAL unnest(ARRAY[own(h.name)]) n', 'dns_lookup(n.n, 4)' ],
	[ 'to read the rows has an effect or sees one: seen', 'SELECT dns_lookup(h.name, 4) FROM hosts h WHERE seen(h.name)', 'dns_lookup(h.name, 4)' ],
	[ 'the rows are read several times, not always all, and can raise an error',
		'SELECT k.id, EXISTS (SELECT FROM hosts h, LATERAL dns_a(h.name) a WHERE 10 / h.id > k.id) FROM known k', undef ],
	[ 'to read the rows can warn, and not all rows are wanted',
		q{SELECT dns_lookup(o.n, 4) FROM (SELECT host(dns_lookup(h.name, 4, 'warning')) AS n FROM hosts h OFFSET 0) o WHERE dns_lookup(o.n, 4) IS NOT NULL LIMIT 2}, undef ],
	[ 'a merge join goes back to earlier rows',
		'SET enable_hashjoin = off; SET enable_nestloop = off; SET enable_sort = off; SET enable_material = off; SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT k.id FROM known k JOIN hosts h ON h.id = k.id AND dns_lookup(h.name, 4) IS NOT NULL', undef ],
	[ 'SQL can skip it: AND, OR, CASE, COALESCE or FILTER decides', 'SELECT CASE WHEN h.id > 3 THEN dns_lookup(h.name, 4) END FROM hosts h', 'dns_lookup(h.name, 4)' ],
	[ 'SQL can skip it: AND, OR, CASE, COALESCE or FILTER decides', 'SELECT count(*) FILTER (WHERE dns_lookup(h.name, 4) IS NULL) FROM hosts h', 'dns_lookup(h.name, 4)' ],
	[ 'SQL can skip it: AND, OR, CASE, COALESCE or FILTER decides', 'SELECT coalesce(h.ip, dns_lookup(h.name, 4)) FROM hosts h', 'dns_lookup(h.name, 4)' ],
	[ 'SQL can skip it: AND, OR, CASE, COALESCE or FILTER decides', 'SELECT h.id > 1 AND dns_lookup(h.name, 4) IS NULL FROM hosts h', 'dns_lookup(h.name, 4)' ],
	[ 'it is in the condition of a join', 'SELECT h.id FROM hosts h FULL JOIN known k ON h.id = k.id AND dns_lookup(h.name, 4) <> k.ip', 'dns_lookup(h.name, 4)' ],
	[ 'it is in RETURNING, ON CONFLICT, an action of MERGE or a check', q{INSERT INTO made SELECT id, name FROM hosts ON CONFLICT (id) DO UPDATE SET ip = dns_lookup(made.name, 4)}, 'dns_lookup(made.name, 4)' ],
	[ 'it is in RETURNING, ON CONFLICT, an action of MERGE or a check', 'UPDATE fires SET id = id RETURNING dns_lookup(name, 4)', 'dns_lookup(fires.name, 4)' ],
	[ 'SQL can skip it: AND, OR, CASE, COALESCE or FILTER decides', 'SELECT count(*) FILTER (WHERE dns_lookup(h.name, 4) IS NULL) OVER () FROM hosts h', 'dns_lookup(h.name, 4)' ],
	[ 'the function asks many questions at once by itself', 'SELECT m.* FROM hosts h, LATERAL dns_query_many(ARRAY[h.name]) m', undef ],
	[ 'the function asks many questions at once by itself', 'SELECT dns_lookup(h.name, 4), m.* FROM hosts h, LATERAL dns_query_many(ARRAY[h.name]) m', undef ],
	[ 'the cursor can go back to earlier rows', 'DECLARE c SCROLL CURSOR FOR SELECT dns_lookup(h.name, 4) FROM hosts h', 'dns_lookup(h.name, 4)' ],
	[ 'look-ahead does not know this place in a plan', 'SELECT h.id, l.* FROM hosts h, LATERAL (SELECT k.id FROM known k LIMIT family(dns_lookup(h.name, 4))) l', undef ])
{
	my ($reason, $statement, $call) = @$_;
	my ($told, $shown) = reasons($statement);
	my ($line) = grep { /: \Q$reason\E$/ } @$told;

	ok(defined $line, "$statement: $reason") or diag("told: @$told");
	is($line, "$call: $reason", '... the call') if defined $call && defined $line;
	my %calls = map { /^(.*?): / => 1 } @$told;
	is(scalar @$told, scalar keys %calls, '... each call once') if defined $call;
	is_deeply($shown, $told, '... the same in EXPLAIN') if $shown;
	$tried{ $reason =~ /^(.*): (?:own|seen|nextval)$/ ? $1 : $reason } = 1;
}
SKIP:
{
	my $unknown = 'a foreign table or another extension computes it';
	my $not_all = 'not all rows of a foreign table are wanted, or another one is read';

	$tried{$_} = 1 foreach $unknown, $not_all;
	skip 'postgres_fdw is not installed', 3 if $setup->sqlstate('CREATE EXTENSION postgres_fdw') ne '00000';
	$setup->text($_) foreach
	  sprintf(q{CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname 'postgres')}, $node->host, $node->port),
	  q{CREATE FUNCTION seen_now(name text) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN true; END'},
	  'CREATE USER MAPPING FOR PUBLIC SERVER here', q{CREATE FOREIGN TABLE remote (id int, name text) SERVER here OPTIONS (table_name 'hosts')};
	foreach (
		[ $unknown, 'SELECT seen_now(r.name), dns_lookup(r.name, 4) FROM remote r' ],
		[ $not_all, 'SELECT r.id FROM remote r, LATERAL dns_a(r.name) a LIMIT 3', 'dns_a(...)' ],
		[ $not_all, 'SELECT r.id, dns_lookup(r.name, 4), (SELECT max(o.id) FROM remote o) FROM remote r' ])
	{
		my ($reason, $statement, $call) = @$_;
		my ($told) = reasons($statement);
		is_deeply($told, [ ($call // 'dns_lookup(r.name, 4)') . ": $reason" ], "$statement: $reason");
	}
}
is(join("\n", grep { !$tried{$_} } sort keys %in_code), '', 'all reasons are tried');

# ---- What the documentation says instead has look-ahead

$setup->text(q{CREATE TABLE n AS SELECT own(h.name) AS name FROM hosts h});
foreach my $statement (
	'SELECT dns_lookup(n.name, 4) FROM n',
	'WITH n AS MATERIALIZED (SELECT own(h.name) AS name FROM hosts h ORDER BY own(h.name)) SELECT dns_lookup(n.name, 4) FROM n',
	q{WITH n AS MATERIALIZED (SELECT h.name || nextval('s') AS name FROM hosts h ORDER BY 1) SELECT dns_lookup(n.name, 4) FROM n},
	'SELECT dns_lookup(o.name, 4) FROM (SELECT (SELECT max(kind) FROM hosts k WHERE k.id = h.id) AS name FROM hosts h OFFSET 0) o',
	'SELECT dns_lookup(o.name, 4) FROM (SELECT h.name || k.id AS name FROM hosts h LEFT JOIN known k ON true OFFSET 0) o',
	q{WITH r AS MATERIALIZED (SELECT dns_reverse(h.ip, 'ignore') AS name FROM hosts h) SELECT dns_lookup(r.name, 4) FROM r},
	'SELECT dns_lookup(CASE WHEN h.id > 3 THEN h.name END, 4) FROM hosts h',
	'WITH r AS MATERIALIZED (SELECT k.id, dns_lookup(h.name, 4) AS ip FROM known k JOIN hosts h ON h.id = k.id) SELECT * FROM r WHERE ip IS NOT NULL')
{
	my ($told) = reasons($statement);
	is_deeply($told, [], "instead: $statement");
}

# ---- No reason where there is look-ahead, and none with it off

foreach my $statement (
	'SELECT dns_lookup(h.name, 4) FROM hosts h',
	'SELECT dns_lookup(dns_reverse(h.ip), 4) FROM hosts h',
	'SELECT a.* FROM hosts h, LATERAL dns_a(h.name) a',
	'SELECT h.id FROM hosts h WHERE dns_lookup(h.name, 4) IS NULL',
	'SELECT count(dns_lookup(h.name, 4)) FROM hosts h',
	'SELECT (SELECT max(a.address) FROM dns_a(h.name) a) FROM hosts h',
	'SELECT k.id, (SELECT count(a.*) FROM hosts h, LATERAL dns_a(h.name) a WHERE 10 / h.id > k.id) FROM known k',
	'SELECT m.exchange, a.address FROM hosts h, LATERAL dns_mx(h.name) m, LATERAL dns_a(m.exchange) a',
	'SELECT h.id FROM hosts h JOIN known k ON k.ip = dns_lookup(h.name, 4)',
	'SELECT h.id FROM hosts h JOIN known k ON dns_lookup(h.name || k.id, 4) = k.ip',
	'SELECT h.id FROM hosts h JOIN known k ON h.ip <> k.ip AND dns_lookup(h.name, 4) = dns_lookup(host(k.ip), 4)',
	'SELECT dns_lookup(h.name, 4), nullif(dns_lookup(h.name, 4), h.ip), CASE WHEN h.id > 3 THEN dns_lookup(h.name, 4) END FROM hosts h',
	'SELECT max(1)')
{
	my ($told, $shown) = reasons($statement);
	is_deeply([ $told, $shown // [] ], [ [], [] ], "$statement: no reason");
}
$setup->text('SET pgcares.lookahead = off');
is_deeply((reasons('SELECT CASE WHEN h.id > 3 THEN dns_lookup(h.name, 4) END FROM hosts h'))[0], [], 'off: no reason');

done_testing();
