# Property: with look-ahead an error comes at the row that it belongs to, with the same
# message as without. A statement can be ended at once in any way; this does not disturb
# the lookups of others, and leaves nothing behind.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Descriptors;
use NameServer;
use Session;

# The growth of memory that is allowed, in kB; repetitions before and during the measurement
use constant { MAX_GROWTH => 1024, WARM_UP => 20, ROUNDS => $ENV{PGCARES_DEEP} ? 60 : 25 };

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'pgcares.tries = 1', "pgcares.timeout = '60s'", 'pgcares.max_in_flight = 100',
	'max_files_per_process = 120', 'max_connections = 100');
my $session = Session->new($node);
my $other = Session->new($node);
my $zones = 0;

$session->text($_) foreach
  "CREATE TABLE hosts AS SELECT i AS id, 'h' || i || '.example' AS n FROM generate_series(1, 300) i",
  'ANALYZE';

# A statement over the rows, in their order; the name of row $bad begins with these labels
sub with_bad
{
	my ($select, $bad, $labels) = @_;
	my $name = "CASE WHEN h.id = $bad THEN '$labels.' ELSE '' END || h.n || '.z" . ++$zones . ".example'";

	return $select =~ s/NAME/$name/gr;
}

my %select = (
	scalar => 'SELECT h.id, dns_lookup(NAME, 4) FROM hosts h',
	lateral => 'SELECT h.id, a.address FROM hosts h, LATERAL dns_a(NAME) a',
	left => 'SELECT h.id, a.address FROM hosts h LEFT JOIN LATERAL dns_a(NAME) a ON true',
	condition => 'SELECT h.id FROM hosts h WHERE dns_lookup(NAME, 4) IS NOT NULL',
	sets => 'SELECT h.id, dns_a(NAME) FROM hosts h',
	subquery => 'SELECT h.id, (SELECT max(address) FROM dns_a(NAME)) FROM hosts h');

# ---- At its row

foreach my $name (sort keys %select)
{
	foreach (
		[ 'nxdomain', 'ND003', qr/^could not look up .* of "nxdomain\.h100\..*no such domain \(NXDOMAIN\)$/ ],
		[ 'nodata', 'NDA00', qr/"nodata\.h100\./ ],
		[ 'rcode2', 'ND002', qr/"rcode2\.h100\./ ],
		[ 'rcode5', 'ND005', qr/"rcode5\.h100\./ ],
		[ 'short', 'NDA10', qr/"short\.h100\./ ],
		[ 'a3', 'NDA10', qr/"a3\.h100\./ ],
		[ '..', 'NDA08', qr/"\.\.\.?h100\./ ],
		[ 'x' x 64, 'NDA08', qr/"x{64}\.h100\./ ])
	{
		my ($labels, $state, $message) = @$_;
		my $sql = with_bad($select{$name}, 100, $labels);
		my $result = $session->query($sql);

		is(Session::sqlstate_of($result), $state, "$name, $labels at row 100: SQLSTATE");
		like($result->{error}{M}, $message, '... message');
		is(scalar @{ $result->{rows} }, 99, '... after 99 rows');
		my $off = $session->query("SET LOCAL pgcares.lookahead = off; $sql");
		is_deeply([ map { $off->{error}{$_} } qw(C M D H) ], [ map { $result->{error}{$_} } qw(C M D H) ], '... as without look-ahead');
	}
}

# one warning for each name, in their order
{
	my $sql = q{SELECT h.id, dns_lookup(CASE WHEN h.id % 7 = 0 THEN 'nxdomain.' || h.n WHEN h.id % 11 = 0 THEN 'rcode2.' || h.n ELSE h.n END, 4, 'warning') FROM hosts h WHERE h.id <= 100};
	my ($on, $off) = map { $session->query("SET LOCAL pgcares.lookahead = $_; $sql") } 'on', 'off';

	is_deeply($on->{rows}, $off->{rows}, 'on_error warning: the rows');
	is_deeply([ map { "$_->{C} $_->{M}" } @{ $on->{notices} } ], [ map { "$_->{C} $_->{M}" } @{ $off->{notices} } ], '... the warnings');
	cmp_ok(scalar @{ $on->{notices} }, '>', 0, '... and there are some');
}

# An error in the argument of a later row comes only when the row is read.
foreach my $sql (
	q{SELECT dns_lookup('h' || 10 / (5 - h.id) || '.example', 4) FROM hosts h LIMIT 3},
	q{SELECT EXISTS (SELECT FROM hosts h, LATERAL dns_a('h' || 10 / (5 - h.id) || '.example'))},
	q{SELECT (SELECT a.address FROM hosts h, LATERAL dns_a('h' || 10 / (3 - h.id) || '.example') a LIMIT 1)})
{
	is($session->sqlstate($sql), '00000', "not before its row is read: $sql");
}
is($session->sqlstate(q{SELECT dns_lookup('h' || 10 / (5 - h.id) || '.example', 4) FROM hosts h}), '22012', 'it comes when its row is read');

# ---- Ended in mid-flight

my $before = $session->descriptors;
my $ended = sub {
	my ($what, $state, $result) = @_;

	is(Session::sqlstate_of($result), $state, "$what: SQLSTATE");
	is_deeply($session->descriptors, $before, '... descriptors as before');
	is($session->text(q{SELECT host(address) FROM dns_a('sound.example')}), '192.0.2.1', '... the next lookup');
	is($session->text(with_bad('SELECT count(*), count(dns_lookup(NAME, 4)) FROM hosts h', 0, '')), '300|300', '... and the next look-ahead');
	is_deeply([ $session->inet_sockets ], [], '... no socket is left');
};
foreach my $name (sort keys %select)
{
	foreach my $bad (1, 150)
	{
		my $sql = with_bad($select{$name}, $bad, 'drop');
		my $first = "drop.h$bad.example.z$zones.example";

		$ended->("$name, statement_timeout at row $bad", '57014', $session->query("SET LOCAL statement_timeout = '300ms'; $sql"));
		$server->forget;
		$session->send($sql);
		Session::wait_until(sub { $server->has_seen($first) || $session->has_result }, 'the question');
		my $start = time;
		$other->text('SELECT pg_cancel_backend(' . $session->pid . ')');
		my $result = $session->result;
		$ended->("$name, cancelled at row $bad", '57014', $result);
		cmp_ok($result->{time} - $start, '<', 2, '... soon');
	}
}
foreach my $sql (
	'SELECT h.id, 1 / (h.id - 50), dns_lookup(NAME, 4) FROM hosts h',
	'SELECT h.id, 1 / (h.id - 50), a.* FROM hosts h, LATERAL dns_a(NAME) a',
	'SELECT h.id FROM hosts h, LATERAL dns_a(NAME) a WHERE 1 / (a.ttl - 300) > 0',
	'SELECT sum(1 / (h.id - 50)), count(dns_lookup(NAME, 4)) FROM hosts h')
{
	$ended->("an error beside: $sql", '22012', $session->query(with_bad($sql, 0, '')));
}

# the backend ends
{
	my $victim = Session->new($node);

	$server->forget;
	$victim->send(with_bad($select{lateral}, 150, 'drop'));
	Session::wait_until(sub { $server->has_seen("drop.h150.example.z$zones.example") }, 'the question');
	$other->text('SELECT pg_terminate_backend(' . $victim->pid . ')');
	is(Session::sqlstate_of($victim->result), '57P01', 'terminated: SQLSTATE');
	Session::wait_until(sub { !$victim->is_alive }, 'the end of the backend');
}

# Without a free descriptor the call fails, not the look-ahead.
SKIP:
{
	my $missing = Descriptors->missing($other);
	skip $missing, 6 if $missing;
	my $poor = Session->new($node);
	$poor->text(q{SELECT dns_lookup('sound.example', 4); SELECT dns_reset()});
	my $descriptors = Descriptors->new($node, $poor);

	$descriptors->take(0);
	my ($on, $off) = map { $poor->query("SET LOCAL pgcares.lookahead = $_; " . with_bad($select{scalar}, 0, '')) } 'on', 'off';
	is_deeply([ map { $on->{error}{$_} } qw(C M H) ], [ map { $off->{error}{$_} } qw(C M H) ], 'no descriptor left: the same error as without look-ahead');
	isnt(Session::sqlstate_of($on), '00000', '... and it is an error');
	is($poor->sqlstate(q{SELECT EXISTS (SELECT FROM hosts h, LATERAL dns_a(h.n, 'ignore') a)} =~ s/hosts h/(SELECT * FROM hosts LIMIT 0) h/r), '00000',
		'... but only if something is asked');

	# a question that look-ahead could not ask is asked by its call, without harm to others
	is($poor->text(q{SELECT string_agg(host(a), ' ') FROM (SELECT CASE WHEN h.id = 1 THEN (SELECT count(dblink_disconnect(c)) FROM unnest(dblink_get_connections()) c) END AS given,
		dns_lookup(h.n || '.sound.example', 4) AS a FROM hosts h WHERE h.id <= 3 OFFSET 0) s}),
		join(' ', ('192.0.2.1') x 3), 'descriptors that become free between start and call: the calls ask');
	is($poor->text(q{SELECT host(dns_lookup('sound.example', 4))}), '192.0.2.1', '... and so does the next statement');
	$descriptors->give;
	is($poor->text(with_bad('SELECT count(dns_lookup(NAME, 4)) FROM hosts h', 0, '')), 300, '... and look-ahead works again');
	$poor->close;
}

# the deadline and the timeout of a lookup count, with any number of lookups in flight
{
	my $sql = with_bad('SELECT h.id, dns_lookup(NAME, 4) FROM hosts h', 40, 'drop');
	my $start = time;
	my $result = $session->query("SET LOCAL pgcares.timeout = '2s'; $sql");

	is(Session::sqlstate_of($result), 'NDA12', 'no answer: a timeout');
	is(scalar @{ $result->{rows} }, 39, '... at its row');
	cmp_ok($result->{time} - $start, '<', 10, '... soon');
	$sql = 'SELECT count(*), count(dns_lookup(NAME, 4, $$ignore$$)) FROM hosts h' =~ s/NAME/CASE WHEN h.id % 3 = 0 THEN 'drop.' ELSE '' END || h.n || '.silent.example'/r;
	$start = time;
	is($session->text("SET LOCAL pgcares.timeout = '2s'; $sql"), '300|200', 'a hundred lookups without an answer');
	cmp_ok(time - $start, '<', 15, '... with timeouts that run at the same time');
}

# ---- One statement inside another

$session->text(<<'SQL');
CREATE FUNCTION inner_failure(zone text, what text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 / (h.id - 20), dns_lookup(what || h.n || zone, 4) FROM hosts h;
	RETURN 0;
EXCEPTION WHEN division_by_zero OR SQLSTATE 'ND003' THEN
	RETURN 1;
END
$$;
CREATE FUNCTION outer_loop(zone text, what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	n int := 0;
	failures int := 0;
BEGIN
	FOR r IN SELECT h.id, a.address FROM hosts h, LATERAL dns_a('delay20.' || h.n || zone) a LOOP
		n := n + (r.address = '192.0.2.1')::int;
		IF r.id % 50 = 1 THEN
			failures := failures + inner_failure('.i' || r.id || zone, what);
		END IF;
	END LOOP;
	RETURN n || ' ' || failures;
END
$$;
SQL
foreach my $what ('', 'nxdomain.')
{
	my $zone = ".outer$zones" . length($what) . '.example';

	$server->forget;
	is($session->text("SELECT outer_loop('$zone', '$what')"), '300 6', "errors inside '$what': the outer loop goes on");
	my %times;
	$times{ $_->{name} }++ foreach $server->log;
	is(scalar(grep { /^delay20\.h\d+\.example\Q$zone\E$/ && $times{$_} == 1 } keys %times), 300, '... and asks each of its names once');
}

# a statement within a row of another
is($session->text(<<'SQL'), '40|40|40', 'a statement with look-ahead for each row of another');
CREATE FUNCTION inner_count(zone text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT count(*) FROM (SELECT * FROM hosts LIMIT 30) h, LATERAL dns_a(h.n || zone));
END
$$;
SELECT count(*), count(dns_lookup(h.n, 4)), count(*) FILTER (WHERE c = 30)
FROM (SELECT h.n, inner_count('.in' || h.id || '.example') AS c FROM hosts h WHERE h.id <= 40 OFFSET 0) h
SQL

# savepoints
$session->text('BEGIN');
$session->text('DECLARE c NO SCROLL CURSOR FOR ' . with_bad($select{lateral}, 0, ''));
is(scalar(split /\n/, $session->text('FETCH 10 FROM c')), 10, 'a cursor');
foreach my $round (1 .. 3)
{
	$session->text('SAVEPOINT s');
	is($session->sqlstate(with_bad($select{scalar}, 5, 'nxdomain')), 'ND003', '... a statement that fails beside it');
	$session->text('ROLLBACK TO SAVEPOINT s');
	is(scalar(split /\n/, $session->text('FETCH 10 FROM c')), 10, '... and the cursor goes on');
}
$session->text('SAVEPOINT s; DECLARE d NO SCROLL CURSOR FOR ' . with_bad($select{lateral}, 0, ''));
is(scalar(split /\n/, $session->text('FETCH 10 FROM d')), 10, 'another in a savepoint');
$session->text('ROLLBACK TO SAVEPOINT s');
is($session->text('FETCH ALL FROM c') =~ tr/\n/\n/, 300 - 40 - 1, '... ends with it, and the first one goes on');
$session->text('COMMIT');
is_deeply([ $session->inet_sockets ], [], 'no socket is left');

# ---- Nothing is left after many repetitions

$session->text('CREATE TABLE hundred AS SELECT * FROM hosts WHERE id <= 100');
my %block = (
	'all rows' => q{PERFORM dns_lookup(n || zone, 4) FROM hundred;},
	'LATERAL' => q{PERFORM FROM hundred, LATERAL dns_mx(n || zone);},
	'chained' => q{PERFORM FROM hundred, LATERAL dns_mx(n || zone) q, LATERAL dns_a(q.exchange);},
	'LIMIT' => q{PERFORM FROM hundred, LATERAL dns_a(n || zone) LIMIT 3; PERFORM dns_lookup(n || zone, 4) FROM hundred LIMIT 3;},
	'EXISTS' => q{ASSERT EXISTS (SELECT FROM hundred, LATERAL dns_a(n || zone));},
	'a cursor closed early' => q{OPEN c FOR SELECT id FROM hundred, LATERAL dns_a('delay5.' || n || zone); FETCH c INTO x; CLOSE c;},
	'a loop left early' => q{FOR r IN SELECT id FROM hundred, LATERAL dns_a('delay5.' || n || zone) LOOP EXIT; END LOOP;},
	'an error in a row' => q{BEGIN PERFORM 1 / (id - 50), dns_lookup('delay5.' || n || zone, 4) FROM hundred; EXCEPTION WHEN division_by_zero THEN NULL; END;},
	'a lookup that fails' => q{BEGIN PERFORM dns_lookup(CASE WHEN id = 50 THEN 'nxdomain.' ELSE '' END || n || zone, 4) FROM hundred; EXCEPTION WHEN SQLSTATE 'ND003' THEN NULL; END;},
	'silence' => q{PERFORM dns_lookup(CASE WHEN id % 10 = 0 THEN 'drop.' ELSE '' END || n || zone, 4, 'ignore') FROM hundred;},
	'malformed answers' => q{PERFORM dns_lookup('short.' || n || zone, 4, 'ignore') FROM hundred;},
	'rescans' => q{PERFORM (SELECT count(*) FROM hundred s, LATERAL dns_a(s.n || zone) WHERE s.id % 10 = g) FROM generate_series(0, 9) g;},
	'over TCP' => q{PERFORM dns_lookup('tc.' || n || zone, 4) FROM hundred WHERE id <= 20;});

sub rounds
{
	my ($name, $count) = @_;
	my $timeout = $name eq 'silence' ? '20ms' : '60s';

	$zones++;
	return $session->sqlstate(<<"SQL");
SET LOCAL pgcares.timeout = '$timeout';
DO \$\$
DECLARE
	c refcursor;
	r record;
	x int;
	zone text;
BEGIN
	FOR i IN 1 .. $count LOOP
		zone := '.r' || i || '.z$zones.example';
		$block{$name}
	END LOOP;
END
\$\$
SQL
}

sub memory
{
	my $contexts = $session->text('SELECT sum(total_bytes) FROM pg_backend_memory_contexts');
	return ($session->status('RssAnon'), $contexts / 1024);
}

rounds($_, WARM_UP) foreach sort keys %block;
memory();
foreach my $name (sort keys %block)
{
	my $descriptors = $session->descriptors;
	my @memory = memory();

	is(rounds($name, ROUNDS), '00000', "$name: as expected");
	my @after = memory();
	is_deeply($session->descriptors, $descriptors, '... descriptors as before');
	Session::costs_less($after[0] - $memory[0], MAX_GROWTH, '... memory of the process');
	cmp_ok($after[1] - $memory[1], '<', MAX_GROWTH, '... memory contexts');
	note(sprintf '%s: %d kB, contexts %d kB more', $name, $after[0] - $memory[0], $after[1] - $memory[1]);
}
is_deeply([ $session->inet_sockets ], [], 'no socket is left');
done_testing();
