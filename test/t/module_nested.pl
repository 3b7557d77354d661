# Calls within calls, as deep as the stack allows; transactions that end while answers are
# read; and files that must not grow: each ends with rows or with PostgreSQL's own error,
# and nothing is left.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

# Depths at which calls must work, and one at which they can fail; ends of transactions
use constant { DEEP => 200, DEEPEST => 1000, TIMES => $ENV{PGCARES_DEEP} ? 2000 : 60 };

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '10s'");
my $session = Session->new($node);
my $sound = q{SELECT host(address) FROM dns_a('sound.example')};

$session->text($_) foreach 'CREATE TABLE hosts AS SELECT i AS g FROM generate_series(1, 20) i', 'ANALYZE hosts', $sound;
my $descriptors = $session->descriptors;

sub goes_on
{
	my ($what) = @_;

	is_deeply([ $session->inet_sockets ], [], "$what: no socket is left");
	is_deeply($session->descriptors, $descriptors, '... descriptors as before');
	is($session->text($sound), '192.0.2.1', '... the session goes on');
	is($session->text(q{SELECT count(dns_lookup('n' || g || '.example', 4)) FROM hosts}), 20, '... also with look-ahead');
	is($session->text(q{SELECT count(*) FROM dns_query_many(ARRAY['a.example', 'b.example'])}), 2, '... and with a batch');
}

# ---- Deep

# One inside the other: LOOP returns rows, the first of which goes deeper.
my %loop = (
	'a lookup' => q{SELECT ttl::bigint FROM dns_a('n' || depth || '.example')},
	'a batch' => q{SELECT ord FROM dns_query_many(ARRAY['n' || depth || '.example', 'm' || depth || '.example'])},
	'LATERAL' => q{SELECT a.ttl::bigint FROM hosts h, LATERAL dns_a('n' || depth || '.g' || h.g || '.example') a},
	'LATERAL, slow' => q{SELECT a.ttl::bigint FROM hosts h, LATERAL dns_a(CASE WHEN h.g > 2 THEN 'delay100.' ELSE '' END || 'n' || depth || '.g' || h.g || '.example') a},
	'all rows' => q{SELECT CASE WHEN dns_lookup('n' || depth || '.g' || h.g || '.example', 4) IS NOT NULL THEN 1 END::bigint FROM hosts h});
my %number = map { (sort keys %loop)[$_] => $_ } 0 .. keys(%loop) - 1;

foreach my $name (sort keys %loop)
{
	my $function = "nested$number{$name}";

	$session->text(<<"SQL");
CREATE FUNCTION $function(depth int) RETURNS int LANGUAGE plpgsql AS \$\$
DECLARE
	r bigint;
BEGIN
	IF depth = 0 THEN
		RETURN 0;
	END IF;
	FOR r IN $loop{$name} LOOP
		RETURN 1 + $function(depth - 1);
	END LOOP;
END
\$\$
SQL
	foreach my $depth ($name =~ /slow/ ? 20 : (DEEP, DEEPEST))
	{
		# each of these waits for all outer ones
		next if $depth == DEEPEST && $name =~ /LATERAL|rows/ && !$ENV{PGCARES_DEEP};
		# the stack has 2 MB; each of these has a channel of its own, and descriptors are few
		foreach my $caught (0, 1)
		{
			my $sql = $caught ? "DO \$\$ BEGIN PERFORM $function($depth); EXCEPTION WHEN OTHERS THEN NULL; END \$\$" : "SELECT $function($depth)";
			my $result = $session->query($sql);
			my $state = Session::sqlstate_of($result);

			if ($caught) { is($state, '00000', "$name, $depth deep, caught") }
			elsif ($depth < DEEPEST) { is($result->{rows}[0][0], $depth, "$name, $depth deep") }
			else
			{
				like($state, qr/^(00000|54001|53000)$/, "$name, $depth deep: works, or fails for lack of stack or descriptors");
				note($state);
			}
			goes_on("$name, $depth deep");
		}
	}
}

# as an argument of itself
{
	my $call = q{'sound.example'};
	$call = "(SELECT host(address) || '.example' FROM dns_a($call))" foreach 1 .. 200;
	is($session->text("SELECT host(address) FROM dns_a($call)"), '192.0.2.1', 'two hundred lookups, each the argument of the next');
	goes_on('arguments');
}

# ---- Transactions that end in between

$session->text($_) foreach
  'CREATE TABLE found (g int, address inet)',
  <<'SQL',
CREATE PROCEDURE commit_each(times int) LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR i IN 1 .. times LOOP
		FOR r IN SELECT h.g, a.address FROM hosts h, LATERAL dns_a('n' || h.g || '.i' || i || '.example') a LOOP
			INSERT INTO found VALUES (r.g, r.address);
			IF r.g % 3 = 0 THEN
				ROLLBACK;
			ELSE
				COMMIT;
			END IF;
			EXIT WHEN r.g = 10;
		END LOOP;
	END LOOP;
END
$$
SQL
  <<'SQL',
CREATE PROCEDURE commit_batches(times int) LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR i IN 1 .. times LOOP
		FOR r IN SELECT * FROM dns_query_many(ARRAY(SELECT 'n' || g || '.b' || i || '.example' FROM hosts)) LOOP
			INSERT INTO found VALUES (r.ord, r.rdata::inet);
			COMMIT;
			EXIT WHEN r.ord = 5;
		END LOOP;
		INSERT INTO found SELECT 0, dns_lookup('last' || i || '.example', 4);
		ROLLBACK;
	END LOOP;
END
$$
SQL
  <<'SQL';
CREATE FUNCTION subtransactions(times int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	failed int := 0;
	passed int := 0;
BEGIN
	FOR i IN 1 .. times LOOP
		FOR r IN SELECT h.g, a.address FROM hosts h, LATERAL dns_a('n' || h.g || '.s' || i || '.example') a LOOP
			BEGIN
				PERFORM 1 / (r.g % 2), host(address) FROM dns_a('in' || r.g || '.s' || i || '.example');
				PERFORM FROM hosts h, LATERAL dns_a('x' || h.g || '.s' || i || '.example') LIMIT 1;
				passed := passed + 1;
			EXCEPTION WHEN division_by_zero THEN
				failed := failed + 1;
			END;
			EXIT WHEN r.g = 6;
		END LOOP;
	END LOOP;
	RETURN failed || ' ' || passed;
END
$$
SQL
$session->text('CALL commit_each(' . TIMES . ')');
is($session->text('SELECT count(*), count(address) FROM found'), join('|', (7 * TIMES) x 2), 'COMMIT and ROLLBACK in a loop over rows of look-ahead');
goes_on('a procedure');
$session->text('TRUNCATE found');
$session->text('CALL commit_batches(' . TIMES . ')');
is($session->text('SELECT count(*), max(g) FROM found'), 5 * TIMES . '|5', 'COMMIT in a loop over rows of a batch');
goes_on('a procedure');
is($session->text('SELECT subtransactions(' . TIMES . ')'), join(' ', (3 * TIMES) x 2), 'subtransactions that fail and that do not, in a loop over rows of look-ahead');
goes_on('subtransactions');

# ---- Files that must not grow

my $batch = q{SELECT * FROM dns_query_many(ARRAY(SELECT 'big50.n' || g || '.example' FROM generate_series(1, 200) g))};
my $before = $session->status('RssAnon');
$session->text(q{SET work_mem = '64kB'; SET temp_file_limit = '100kB'});
foreach my $round (1 .. TIMES / 20)
{
	is($session->sqlstate("SELECT count(*) FROM ($batch OFFSET 0) q"), '53400', 'a batch whose rows do not fit into files: SQLSTATE') if $round <= 3;
	is($session->sqlstate("DO \$\$ BEGIN PERFORM * FROM ($batch OFFSET 0) q; EXCEPTION WHEN configuration_limit_exceeded THEN NULL; END \$\$"), '00000',
		'... and caught') if $round <= 3;
	$session->sqlstate($batch);
}
$session->text('RESET temp_file_limit');
goes_on('files');
is($session->text("SELECT count(*) FROM ($batch OFFSET 0) q"), 200 * 50, '... and the batch works, if files can grow');
is_deeply([ glob $node->data_dir . '/base/pgsql_tmp/*' ], [], '... no file is left');
SKIP:
{
	skip 'memory is not measured under a checker', 1 if $ENV{PGCARES_WATCHED};
	cmp_ok($session->status('RssAnon') - $before, '<', 8192, '... and no memory');
}

done_testing();
