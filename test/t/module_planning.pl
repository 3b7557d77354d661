# Property: statements that only plan, define, analyse or dump send no packet, and a
# lookup is never made for a row that its caller may not see.

use strict;
use warnings;

use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server]);
my $super = Session->new($node);

$super->text($_) foreach
  'CREATE TABLE domains (name text NOT NULL)',
  "INSERT INTO domains SELECT 'd' || i || '.example' FROM generate_series(1, 100) i",
  'CREATE TABLE empty (name text)';

# Runs a statement; returns the number of its queries.
sub queries
{
	my ($sql) = @_;

	$server->forget;
	$super->text($sql);
	return $server->count;
}

# ---- Planning and defining

# One statement of each form in which a lookup can stand; the name is a constant, since
# planners like to evaluate calls with constants.
my @lookups = (
	"SELECT * FROM dns_a('a.example')",
	"SELECT * FROM dns_query('a.example', 'MX')",
	"SELECT * FROM dns_ptr('192.0.2.1'::inet)",
	"SELECT dns_a('a.example')",
	"SELECT dns_lookup('a.example')",
	"SELECT * FROM dns_addresses('a.example')",
	"SELECT * FROM dns_search('a.example')",
	"SELECT (dns_soa('a.example')).serial",
	"SELECT count(*) FROM dns_txt('a.example')",
	"SELECT (SELECT address FROM dns_a('a.example') LIMIT 1)",
	"SELECT d.name FROM domains d WHERE EXISTS (SELECT FROM dns_a('a.example'))",
	'SELECT d.name, m.exchange FROM domains d LEFT JOIN LATERAL dns_mx(d.name) m ON true',
	"SELECT d.name FROM domains d WHERE d.name IN (SELECT nsdname FROM dns_ns('a.example'))",
	"WITH q AS MATERIALIZED (SELECT * FROM dns_a('a.example')) SELECT * FROM q",
	"SELECT CASE WHEN false THEN (SELECT count(*) FROM dns_a('a.example')) END",
	"SELECT * FROM domains d ORDER BY (SELECT address FROM dns_a('a.example'))",
	"INSERT INTO empty SELECT host(address) FROM dns_a('a.example')",
	"UPDATE domains SET name = name WHERE EXISTS (SELECT FROM dns_a('a.example'))",
	"DELETE FROM empty USING dns_a('a.example') a WHERE name = host(a.address)");
my $number = 0;

foreach my $lookup (@lookups)
{
	$number++;
	is(queries("EXPLAIN $lookup"), 0, "EXPLAIN: $lookup");
	is(queries("EXPLAIN (VERBOSE, FORMAT JSON) $lookup"), 0, '... also with VERBOSE');
	is(queries("PREPARE p$number AS $lookup"), 0, '... PREPARE');
	is(queries("EXPLAIN EXECUTE p$number"), 0, '... EXPLAIN EXECUTE');
	is(queries("CREATE FUNCTION f$number() RETURNS void LANGUAGE sql AS \$\$ $lookup \$\$"),
		0, '... CREATE FUNCTION');
	next if $lookup !~ /^(SELECT|WITH)/;
	is(queries("CREATE VIEW v$number AS SELECT 1 AS one FROM ($lookup) AS lookup"), 0, '... CREATE VIEW');
	is(queries("EXPLAIN SELECT * FROM v$number"), 0, '... EXPLAIN of the view');
	is(queries("CREATE MATERIALIZED VIEW m$number AS SELECT 1 AS one FROM ($lookup) AS lookup WITH NO DATA"),
		0, '... CREATE MATERIALIZED VIEW WITH NO DATA');
}

foreach my $setting ('force_generic_plan', 'force_custom_plan')
{
	$super->text("SET plan_cache_mode = $setting");
	$super->text("PREPARE $setting(text) AS SELECT * FROM dns_a(\$1)");
	is(queries("EXPLAIN EXECUTE $setting('a.example')"), 0, "a parameter, $setting");
}

foreach my $statement (
	"CREATE FUNCTION f_scalar() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM dns_a(''a.example'')'",
	'ALTER TABLE empty ADD COLUMN a bigint DEFAULT (f_scalar())',
	'CREATE RULE r AS ON UPDATE TO empty DO ALSO SELECT * FROM dns_a(NEW.name)',
	"CREATE FUNCTION f_new() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM dns_a('a.example'); END",
	"CREATE POLICY p ON empty USING (EXISTS (SELECT FROM dns_a('a.example')))",
	'SELECT pg_get_viewdef(oid) FROM pg_class WHERE relkind IN (\'v\', \'m\')',
	'SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname ~ \'^f[0-9]\'',
	'ANALYZE',
	'VACUUM ANALYZE domains')
{
	is(queries($statement), 0, $statement);
}

$server->forget;
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '--file', $dump, $node->connstr('postgres') ], 'pg_dump of the database');
is($server->count, 0, '... asks nothing');
like(slurp_file($dump), qr/CREATE VIEW public\.v1 .*dns_a/s, '... although it is in the dump');

# restoring without data defines everything once more
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('again') ],
	'the dump can be loaded');
is($server->count, 0, '... and this asks nothing either');

# ---- Running

is(queries("EXPLAIN (ANALYZE) $lookups[0]"), 1, 'EXPLAIN ANALYZE asks');
is(queries('EXECUTE p1'), 1, 'EXECUTE asks');
is(queries('SELECT * FROM v1'), 1, 'a view asks when it is read');
is(queries('REFRESH MATERIALIZED VIEW m1'), 1, 'REFRESH MATERIALIZED VIEW asks');
is(queries('SELECT * FROM m1'), 0, '... and reading it does not');
is(queries('SELECT f1()'), 1, 'a function asks when it is called');

# ---- Restoring

# Restores a dump of the database into a new one, without the entries that match; returns
# the number of queries.
sub queries_of_restore
{
	my ($without) = @_;
	my $name = 'restored' . ++$number;
	my $archive = $node->basedir . "/$name";

	$node->command_ok([ 'pg_dump', '-F', 'custom', '-f', $archive, $node->connstr('postgres') ], "pg_dump for $name");
	my ($list) = run_command([ 'pg_restore', '-l', $archive ]);
	append_to_file("$archive.list", join '', map { "$_\n" } grep { $_ !~ $without } split /\n/, $list);
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$server->forget;
	$node->command_ok([ 'pg_restore', '-e', '-L', "$archive.list", '-d', $node->connstr($name), $archive ], "restore of $name");
	return $server->count;
}

is(queries_of_restore(qr/^$/), 1, 'a restore refreshes a materialized view, which asks');
is(queries_of_restore(qr/MATERIALIZED VIEW DATA/), 0, '... unless its data is left out');
$super->text("CREATE TABLE checked (name text CHECK (dns_lookup(name, 4) IS NOT NULL)); INSERT INTO checked VALUES ('a.example')");
is(queries_of_restore(qr/MATERIALIZED VIEW DATA/), 1, 'a restore tests the constraints of rows, which asks');

# ---- Places where a lookup cannot stand

is($super->text(<<'SQL'), '', 'functions that can ask are volatile, expensive, and neither leakproof nor SECURITY DEFINER');
SELECT oid::regprocedure FROM pg_proc
WHERE prosrc LIKE 'pgcares%' AND NOT has_function_privilege('pg_monitor', oid, 'EXECUTE')
	AND proname NOT IN ('dns_servers', 'dns_reset', 'dns_stats', 'dns_cache_flush')
	AND NOT (provolatile = 'v' AND procost >= 1000 AND proparallel = 's' AND NOT proleakproof AND NOT prosecdef)
SQL
my $all = "SELECT count(*) FROM pg_proc WHERE prosrc LIKE 'pgcares%'";
is($super->text("$all AND (proleakproof OR prosecdef)"), '0', 'no function at all is leakproof or SECURITY DEFINER');
cmp_ok($super->text("$all AND provolatile = 'v'"), '>', 15, 'more than fifteen are volatile');
$super->text("CREATE FUNCTION has_address(name text) RETURNS boolean LANGUAGE sql AS
	'SELECT EXISTS (SELECT FROM public.dns_a(name))'");
foreach my $case (
	[ '42P17', 'CREATE INDEX ON domains (has_address(name))', 'an index' ],
	[ '42P17', 'CREATE INDEX ON domains (name) WHERE has_address(name)', 'the condition of an index' ],
	[ '42P17', 'ALTER TABLE empty ADD COLUMN b boolean GENERATED ALWAYS AS (has_address(name)) STORED',
		'a generated column' ],
	[ '0A000', 'CREATE INDEX ON domains (dns_a(name))', 'an index on the function itself' ],
	[ '42P17', 'CREATE INDEX ON domains (dns_version())', 'an index on the version' ])
{
	my ($sqlstate, $statement, $what) = @$case;

	$server->forget;
	is($super->sqlstate($statement), $sqlstate, "there cannot be $what");
	is($server->count, 0, '... and nothing is asked');
}

# ---- Rows that are hidden

$super->text($_) foreach
  'CREATE ROLE caller LOGIN',
  'GRANT CREATE ON SCHEMA public TO caller',
  'GRANT EXECUTE ON FUNCTION dns_a(text, text) TO caller',
  'CREATE TABLE hosts (name text, owner text)',
  "INSERT INTO hosts SELECT o || i || '.example', o FROM generate_series(1, 5) i, (VALUES ('caller'), ('secret')) v(o)",
  'CREATE VIEW leaking AS SELECT * FROM hosts WHERE owner = current_user',
  'CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM hosts WHERE owner = current_user',
  'CREATE TABLE guarded AS SELECT * FROM hosts',
  'CREATE POLICY own ON guarded USING (owner = current_user)',
  'ALTER TABLE guarded ENABLE ROW LEVEL SECURITY',
  'GRANT SELECT ON leaking, barrier, guarded TO caller',
  'ANALYZE';

# the planner thinks that the caller's own function costs next to nothing
my $caller = Session->new($node, user => 'caller');
$caller->text("CREATE FUNCTION cheap(name text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
	'BEGIN RETURN EXISTS (SELECT FROM dns_a(name, ''ignore'')); END'");
my $dear = $super->text("SELECT procost FROM pg_proc WHERE proname = 'dns_a'");

foreach my $cost ($dear, '0.0000001')
{
	$super->text("ALTER FUNCTION dns_a(text, text) COST $cost");
	foreach my $relation ('leaking', 'barrier', 'guarded')
	{
		foreach my $statement (
			"SELECT name FROM $relation WHERE cheap(name)",
			"SELECT name FROM $relation r WHERE EXISTS (SELECT FROM dns_a(r.name, 'ignore'))",
			"SELECT name FROM $relation r WHERE (SELECT count(*) FROM dns_a(r.name, 'ignore')) > 0",
			"SELECT r.name FROM $relation r, LATERAL dns_a(r.name, 'ignore')",
			"SELECT r.name FROM $relation r JOIN LATERAL dns_a(r.name, 'ignore') a ON a.ttl > 0")
		{
			$server->forget;
			is($caller->text($statement) =~ tr/\n/\n/, 4, "five rows: $statement (cost of dns_a $cost)");
			cmp_ok($server->count(qr/^caller/), '>=', 5, '... which were looked up');

			# a view without a barrier shows that this can fail
			my $hidden = $server->count(qr/^secret/);
			if ($relation eq 'leaking' && $statement =~ /cheap/)
			{
				cmp_ok($hidden, '>', 0, '... and without a barrier the hidden ones too');
			}
			elsif ($relation ne 'leaking')
			{
				is($hidden, 0, '... and no hidden one was');
			}
		}
	}
}

done_testing();
