# Property: a plan with the node stays right while it is kept: after changes of its
# functions and tables, of parameters, and of the setting; and with the setting off no
# plan has the node.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

# Rows, and names that the server waits for
use constant ROWS => 6;

my $server = NameServer->misbehaving;
my $crowded = NameServer->misbehaving(mode => 'crowd' . ROWS);
my $node = Session->cluster([$server], 'pgcares.tries = 1', "pgcares.timeout = '3s'");
my $setup = Session->new($node);
my $in_crowds = '-c pgcares.servers=' . $crowded->address;
my $zones = 0;

sub zone { return '.z' . ++$zones . '.example' }

$setup->text($_) foreach
  sprintf(q{CREATE TABLE hosts AS SELECT i AS id, 'h' || i AS n FROM generate_series(1, %d) i}, ROWS),
  'CREATE ROLE caller LOGIN',
  'GRANT SELECT ON hosts TO caller',
  'GRANT CREATE ON SCHEMA public TO caller',
  'ANALYZE';

my $lateral = q{SELECT h.id, a.address FROM hosts h LEFT JOIN LATERAL dns_a(h.n || $1) a ON true};
my $scalar = q{SELECT h.id, dns_lookup(h.n || $1, 4) FROM hosts h};

sub prepared
{
	my ($session, $name, $sql, $mode) = @_;
	$session->text("SET plan_cache_mode = force_${mode}_plan; PREPARE $name (text) AS $sql");
}

# The functions that the nodes in the plan of a statement look ahead for
sub ahead
{
	my ($session, $sql) = @_;
	return join ' ', map { /Look-ahead: (.*)/ ? $1 =~ /(\w+)\(/g : () } split /\n/, $session->text("EXPLAIN $sql");
}

# The number of rows of a statement that succeeds only if all its names are asked together;
# or its SQLSTATE
sub together
{
	my ($session, $sql) = @_;
	my $result = $session->query($sql);

	return $result->{error} ? $result->{error}{C} : scalar @{ $result->{rows} };
}

# The value of a statement, or its SQLSTATE
sub value
{
	my ($session, $sql) = @_;
	my $result = $session->query($sql);

	return $result->{error} ? $result->{error}{C} : $result->{rows}[0][0];
}

# ---- A scan that not every PostgreSQL has

SKIP:
{
	my $sql = q{SELECT x.n, host(dns_lookup(x.n || '.xml.example', 4)) FROM xmltable('/r/h' PASSING '<r><h>a</h><h>b</h></r>' COLUMNS n text PATH '.') x};

	skip 'PostgreSQL is built without libxml', 2 if $setup->query(q{SELECT xmlparse(CONTENT '<r/>')})->{error};
	is(ahead($setup, $sql), 'dns_lookup', 'XMLTABLE: the plan');
	is_deeply($setup->query($sql)->{rows}, [ [ 'a', '192.0.2.1' ], [ 'b', '192.0.2.1' ] ], '... the rows');
}

# ---- The first statement of a session, which loads the library

foreach (
	[ 'EXPLAIN of LATERAL', 'EXPLAIN SELECT * FROM hosts h, LATERAL dns_a(h.n) a' ],
	[ 'EXPLAIN of a SELECT list', 'EXPLAIN SELECT dns_lookup(h.n, 4) FROM hosts h' ])
{
	my ($what, $sql) = @$_;
	my $fresh = Session->new($node);

	like($fresh->text($sql), qr/DnsLookahead/, "first statement, $what: has the node");
	$fresh->close;
}
foreach ([ 'LATERAL', $lateral ], [ 'SELECT list', $scalar ])
{
	my ($what, $sql) = @$_;
	my $fresh = Session->new($node, options => $in_crowds);
	my $zone = zone();

	is(together($fresh, $sql =~ s/\$1/'$zone'/r), ROWS, "first statement, $what: together");
	$fresh->close;

	foreach my $mode ('generic', 'custom')
	{
		$fresh = Session->new($node, options => $in_crowds);
		prepared($fresh, 'p', $sql, $mode);
		is(join(' ', map { together($fresh, sprintf q{EXECUTE p ('%s')}, zone()) } 1 .. 3), join(' ', (ROWS) x 3),
			"first statement is prepared, $what, $mode plan: together");
		$fresh->close;
	}

	# a plan that is older than the library
	$fresh = Session->new($node, options => $in_crowds);
	$setup->text("CREATE FUNCTION loaded_by_function(z text) RETURNS bigint LANGUAGE plpgsql AS
		'BEGIN RETURN (SELECT count(*) FROM (${\($sql =~ s/\$1/z/r)} OFFSET 0) s); END'");
	is(join(' ', map { value($fresh, sprintf q{SELECT loaded_by_function('%s')}, zone()) } 1 .. 8), join(' ', (ROWS) x 8),
		"first statement is in a function, $what: together, each time");
	$setup->text('DROP FUNCTION loaded_by_function');
	$fresh->close;
}

# loaded with the session, or before it
foreach my $setting ('session_preload_libraries', 'shared_preload_libraries')
{
	if ($setting =~ /^shared/)
	{
		$node->append_conf('postgresql.conf', "$setting = 'pgcares'");
		$node->restart;
		$setup = Session->new($node);
	}
	my $fresh = Session->new($node, options => $in_crowds . ($setting =~ /^session/ ? " -c $setting=pgcares" : ''));
	is(together($fresh, $lateral =~ s/\$1/"'" . zone() . "'"/er), ROWS, "$setting: together");
	prepared($fresh, 'p', $scalar, 'generic');
	is(join(' ', map { together($fresh, sprintf q{EXECUTE p ('%s')}, zone()) } 1 .. 2), join(' ', (ROWS) x 2), '... also prepared');
	$fresh->close;
}
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', undef);
$node->restart;
$setup = Session->new($node);

# ---- Parameters

{
	my $session = Session->new($node);

	foreach my $mode ('generic', 'custom')
	{
		prepared($session, "l_$mode", $lateral, $mode);
		prepared($session, "s_$mode", $scalar, $mode);
		foreach my $name ("l_$mode", "s_$mode")
		{
			$server->forget;
			is($session->text("EXECUTE $name (NULL)"), join("\n", map { "$_|" } 1 .. ROWS), "$name: a NULL parameter");
			is($server->count, 0, '... asks nothing');
			is($session->text("EXECUTE $name ('.p.example')"), join("\n", map { "$_|192.0.2.1" } 1 .. ROWS), '... another one');
			is($server->count, ROWS, '... asks');
			is($session->text("EXPLAIN EXECUTE $name ('.p.example')") =~ /DnsLookahead/ ? 1 : 0, 1, '... with the node');
		}
	}
	$session->close;
}

# ---- Changes while a plan is kept

{
	my $session = Session->new($node);
	my $rows = join("\n", map { "$_|192.0.2.1" } 1 .. ROWS);
	my $works = sub {
		my ($what, $calls) = @_;
		my $zone = zone();

		foreach my $name ('l', 's')
		{
			is($session->text("EXECUTE $name ('$zone')"), $rows, "$what, $name: the rows");
			is(ahead($session, "EXECUTE $name ('$zone')"), $calls // ($name eq 'l' ? 'dns_a' : 'dns_lookup'), '... and the calls ahead');
		}
	};

	prepared($session, 'l', $lateral, 'generic');
	prepared($session, 's', $scalar, 'generic');
	$works->('at first');
	$setup->text('ALTER FUNCTION dns_a(text, text) COST 1; ALTER FUNCTION dns_lookup(text, int, text) COST 1');
	$works->('other costs');
	$setup->text('ALTER FUNCTION dns_a(text, text) PARALLEL RESTRICTED; ALTER FUNCTION dns_lookup(text, int, text) PARALLEL UNSAFE');
	$works->('not parallel');
	$setup->text('ALTER FUNCTION dns_a(text, text) STABLE; ALTER FUNCTION dns_lookup(text, int, text) STABLE');
	$works->('stable');
	$setup->text('ALTER FUNCTION dns_a(text, text) STRICT; ALTER FUNCTION dns_lookup(text, int, text) STRICT');
	is($session->text("EXECUTE s ('.x.example')"), join("\n", map { "$_|" } 1 .. ROWS), 'strict: not called with NULL');
	$setup->text('ALTER FUNCTION dns_a(text, text) CALLED ON NULL INPUT VOLATILE; ALTER FUNCTION dns_lookup(text, int, text) CALLED ON NULL INPUT VOLATILE');
	$works->('volatile again');
	$setup->text('ALTER FUNCTION dns_a(text, text) SET pgcares.tries = 2; ALTER FUNCTION dns_lookup(text, int, text) SET pgcares.tries = 2');
	$works->('with a setting', '');
	$setup->text('ALTER FUNCTION dns_a(text, text) RESET ALL; ALTER FUNCTION dns_lookup(text, int, text) RESET ALL');
	$works->('without');
	$setup->text('ALTER FUNCTION dns_a(text, text) SECURITY DEFINER; ALTER FUNCTION dns_lookup(text, int, text) SECURITY DEFINER');
	$works->('with the rights of its owner', '');
	$setup->text('ALTER FUNCTION dns_a(text, text) SECURITY INVOKER; ALTER FUNCTION dns_lookup(text, int, text) SECURITY INVOKER');
	$works->('with those of its caller');

	# other names and another schema: views still find the functions
	$setup->text("CREATE VIEW vl AS SELECT h.id, a.address FROM hosts h LEFT JOIN LATERAL dns_a(h.n || '.v.example') a ON true");
	$setup->text("CREATE VIEW vs AS SELECT h.id, dns_lookup(h.n || '.v.example', 4) FROM hosts h");
	$session->text('SET search_path = public, elsewhere; PREPARE vl AS TABLE vl; PREPARE vs AS TABLE vs');
	is($session->text("EXECUTE $_"), $rows, "$_: the rows") foreach 'vl', 'vs';
	$setup->text('ALTER FUNCTION dns_a(text, text) RENAME TO a; ALTER FUNCTION dns_lookup(text, int, text) RENAME TO lookup');
	is($session->text("EXECUTE $_"), $rows, "$_, renamed: the rows") foreach 'vl', 'vs';
	is(ahead($session, 'EXECUTE vl') . ' ' . ahead($session, 'EXECUTE vs'), 'a lookup', '... and the calls ahead');
	$setup->text('ALTER FUNCTION a(text, text) RENAME TO dns_a; ALTER FUNCTION lookup(text, int, text) RENAME TO dns_lookup');
	$works->('renamed back');
	$setup->text('DROP VIEW vl, vs; CREATE SCHEMA elsewhere; ALTER EXTENSION pgcares SET SCHEMA elsewhere');
	$works->('the extension in another schema');
	$setup->text('ALTER EXTENSION pgcares SET SCHEMA public');
	$works->('the extension back');

	# the table
	$setup->text('ALTER TABLE hosts ADD COLUMN more int DEFAULT 5');
	$works->('a new column');
	$setup->text('ALTER TABLE hosts DROP COLUMN more; CREATE INDEX i ON hosts (id); ANALYZE hosts');
	$works->('a dropped column and an index');
	$setup->text("ALTER TABLE hosts ALTER COLUMN n TYPE varchar(20)");
	$works->('another type');
	$setup->text("ALTER TABLE hosts ALTER COLUMN n TYPE text; DROP INDEX i");

	# the extension is dropped and created again
	$setup->text('DROP EXTENSION pgcares CASCADE');
	is($session->sqlstate("EXECUTE l ('.x.example')"), '42883', 'the extension is dropped: no such function');
	$setup->text('CREATE EXTENSION pgcares');
	$works->('the extension is back');
	$session->close;
}

# ---- A user's function with the C code of pgcares, replaced by other code

{
	my $session = Session->new($node);
	my $zone = zone();
	my $create = q{CREATE OR REPLACE FUNCTION mine(name text, family int, on_error text) RETURNS inet};

	$setup->text(qq{$create AS '\$libdir/pgcares', 'pgcares_lookup' LANGUAGE C VOLATILE});
	prepared($session, 'm', q{SELECT h.id, mine(h.n || $1, 4, NULL) FROM hosts h}, 'generic');
	is($session->text("EXECUTE m ('$zone')"), join("\n", map { "$_|192.0.2.1" } 1 .. ROWS), 'a function of the same C code: the rows');
	is(ahead($session, "EXECUTE m ('$zone')"), 'mine', '... and the call ahead');
	$server->forget;
	$setup->text(qq{$create LANGUAGE sql VOLATILE AS 'SELECT inet ''192.0.2.99'''});
	is($session->text("EXECUTE m ('$zone')"), join("\n", map { "$_|192.0.2.99" } 1 .. ROWS), 'replaced by SQL: the rows');
	is($server->count, 0, '... and nothing is asked');
	$setup->text(qq{$create LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN ''192.0.2.98''; END'});
	is($session->text("EXECUTE m ('$zone')"), join("\n", map { "$_|192.0.2.98" } 1 .. ROWS), 'replaced by PL/pgSQL: the rows');
	is($server->count, 0, '... and nothing is asked');
	$setup->text(qq{$create AS '\$libdir/pgcares', 'pgcares_lookup' LANGUAGE C VOLATILE});
	is($session->text("EXECUTE m ('$zone')"), join("\n", map { "$_|192.0.2.1" } 1 .. ROWS), 'replaced by C again: the rows');
	is(ahead($session, "EXECUTE m ('$zone')"), 'mine', '... and the call ahead');

	# within a transaction that is rolled back
	$session->text("BEGIN; $create LANGUAGE sql VOLATILE AS 'SELECT inet ''192.0.2.97'''");
	is($session->text("EXECUTE m ('$zone')"), join("\n", map { "$_|192.0.2.97" } 1 .. ROWS), 'replaced, in a transaction: the rows');
	$session->text('ROLLBACK');
	is($session->text("EXECUTE m ('$zone')"), join("\n", map { "$_|192.0.2.1" } 1 .. ROWS), 'rolled back: the rows');
	$setup->text('DROP FUNCTION mine(text, int, text)');
	is($session->sqlstate("EXECUTE m ('$zone')"), '42883', 'dropped: no such function');
	$session->close;
}

# ---- Rights, which are checked at each execution

{
	my $session = Session->new($node, user => 'caller');

	$setup->text('GRANT EXECUTE ON FUNCTION dns_a(text, text), dns_lookup(text, int, text) TO caller');
	prepared($session, 'l', $lateral, 'generic');
	prepared($session, 's', $scalar, 'generic');
	is(scalar(split /\n/, $session->text("EXECUTE $_ ('.r.example')")), ROWS, "$_: allowed") foreach 'l', 's';
	$setup->text('REVOKE EXECUTE ON FUNCTION dns_a(text, text), dns_lookup(text, int, text) FROM caller');
	$server->forget;
	is($session->sqlstate("EXECUTE $_ ('.r.example')"), '42501', "$_: no longer allowed") foreach 'l', 's';
	is($server->count, 0, '... and nothing is asked');
	$session->close;
}

# ---- Bounds that are known at the start of the plan

{
	my $session = Session->new($node, options => '-c plan_cache_mode=force_generic_plan -c pgcares.servers=' . $server->address);
	my $sorted = q{SELECT h.id, dns_lookup(h.n || '.bound.example', 4) FROM hosts h ORDER BY h.n};

	$session->text("PREPARE top (bigint) AS $sorted LIMIT \$1; PREPARE top_after (int, int) AS $sorted LIMIT \$1 OFFSET \$2");
	foreach (
		[ 'a parameter', 'EXECUTE top (2)', qr/Bound: \$1$/m, 2 ],
		[ 'a parameter and an offset', 'EXECUTE top_after (1, 1)', qr/Bound: \$1, \$2$/m, 2 ],
		[ 'a subquery', "$sorted LIMIT (SELECT 2)", qr/Bound: /, 2 ],
		[ 'NULL, which is no limit', 'EXECUTE top (NULL)', qr/Bound: \$1$/m, ROWS ])
	{
		my ($what, $sql, $bound, $asked) = @$_;

		$server->forget;
		my $plan = $session->text("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) $sql");
		like($plan, $bound, "a bound, $what: shown");
		like($plan, $asked == ROWS ? qr/quicksort/ : qr/top-N heapsort/, '... the sort below knows it');
		is($server->count(qr/bound/), $asked, '... and only as many names are asked');
	}
	$session->close;
}

# ---- The setting

{
	my $session = Session->new($node, options => $in_crowds);
	my @all = ("SELECT * FROM hosts h, LATERAL dns_a(h.n) a", 'SELECT dns_lookup(h.n, 4) FROM hosts h',
		'SELECT count(*) FROM hosts h WHERE dns_lookup(h.n, 4) IS NULL', 'SELECT (SELECT count(*) FROM dns_a(h.n)) FROM hosts h');

	prepared($session, 'l', $lateral, 'generic');
	prepared($session, 's', $scalar, 'generic');
	# a plan that was made while the library was being loaded is made again
	is(together($session, sprintf q{EXECUTE %s ('%s')}, $_, zone()), ROWS, "$_: together") foreach 'l', 's', 'l', 's';
	$session->text("SET pgcares.lookahead = off; SET pgcares.timeout = '300ms'");
	is(together($session, sprintf q{EXECUTE %s ('%s')}, $_, zone()), 'NDA12', "$_, off while a plan is kept: one by one") foreach 'l', 's';
	prepared($session, 'l2', $lateral, 'generic');
	is(ahead($session, $_), '', "off: $_") foreach @all, q{EXECUTE l2 ('.x')};
	$session->text('SET pgcares.lookahead = on; RESET pgcares.timeout');
	is(together($session, sprintf q{EXECUTE %s ('%s')}, $_, zone()), ROWS, "$_, on again: together") foreach 'l', 's';
	isnt(ahead($session, $_), '', "on: $_") foreach @all;
	$session->close;

	# off from the beginning, then on
	$session = Session->new($node, options => "-c pgcares.lookahead=off $in_crowds");
	is(ahead($session, $_), '', "off from the beginning: $_") foreach @all;
	$session->text('SET pgcares.lookahead = on');
	is(together($session, sprintf q{SELECT count(*) FROM (%s) s}, $lateral =~ s/\$1/"'" . zone() . "'"/er), 1, '... then on: together');

	# a function with the setting
	my ($zone, $other) = (zone(), zone());
	$session->text("CREATE FUNCTION one_by_one() RETURNS bigint LANGUAGE sql SET pgcares.lookahead = off SET pgcares.timeout = '300ms'
		AS 'SELECT count(*) FROM hosts h, LATERAL dns_a(h.n || ''$zone'') a'");
	is($session->sqlstate('SELECT one_by_one()'), 'NDA12', 'off for a function: one by one');
	is(together($session, "SELECT * FROM hosts h, LATERAL dns_a(h.n || '$other') a"), ROWS, '... and on outside of it');
	$session->close;
}

done_testing();
