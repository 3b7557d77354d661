# Nothing outlives a batch, however it ends: read to its end or not, with an error in
# it, beside it or after it. Batches within batches, side by side and in parallel
# workers do not disturb each other.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Batch;
use NameServer;
use Session;

# The growth of memory that is allowed, in kB, with answers of several MB; repetitions
# before and during the measurement
use constant { MAX_GROWTH => 1024, WARM_UP => 20, ROUNDS => $ENV{PGCARES_DEEP} && !$ENV{PGCARES_WATCHED} ? 1000 : 30 };

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'pgcares.tries = 1', 'max_worker_processes = 8');
my $session = Session->new($node);

$session->text(<<'SQL');
CREATE FUNCTION names(label text, zone int, count int) RETURNS text[] LANGUAGE sql
RETURN ARRAY(SELECT format('%s.n%s.z%s.example', label, g, zone) FROM generate_series(1, count) g);
SQL

# ---- Nothing is left

# Many batches in one statement: a block of PL/pgSQL for each, whose number is in
# the variable i
sub batches
{
	my ($block, @settings) = @_;

	return sub {
		my ($count) = @_;
		return join '; ', (map { "SET LOCAL $_" } @settings), <<"SQL";
DO \$\$
DECLARE
	c refcursor;
	d refcursor;
	x bigint;
BEGIN
	FOR i IN 1 .. $count LOOP
		$block
	END LOOP;
END
\$\$
SQL
	};
}

# A block that must raise this error; any other outcome ends the loop
sub failing
{
	my ($block, $state) = @_;

	return <<"SQL";
BEGIN
	$block
	RAISE EXCEPTION 'no error';
EXCEPTION WHEN SQLSTATE '$state' THEN
	NULL;
END;
SQL
}

my @ways = (
	[ 'batches', batches(q{SELECT count(*) INTO STRICT x FROM dns_query_many(names('big20', i, 100)); ASSERT x = 2000;}) ],
	[ 'failures', batches(q{PERFORM FROM dns_query_many(names('nxdomain', i, 100) || names('short', i, 100) || names('..', i, 50));}) ],
	[ 'batches over TCP', batches(q{PERFORM FROM dns_query_many(names('big20', i, 100));}, 'pgcares.tcp = on') ],
	[ 'the socket kept', batches(q{PERFORM FROM dns_query_many(names('big20', i, 100));}, 'pgcares.keep_open = on') ],
	[ 'truncated answers', batches(q{PERFORM FROM dns_query_many(names('big90', i, 50));}) ],
	[ 'hosts and addresses', batches(q{PERFORM FROM dns_ptr_many(ARRAY(SELECT address FROM dns_addresses_many(names('big20', i, 20))));}) ],
	[ 'messages', batches(q{PERFORM FROM dns_message_many(names('big20', i, 50));}) ],
	[ 'silence', batches(q{PERFORM FROM dns_query_many(names('drop', i, 100));}, "pgcares.timeout = '20ms'") ],
	[ 'deadlines', batches(q{PERFORM FROM dns_query_many(names('drop', i, 100));}, "pgcares.deadline = '20ms'", 'pgcares.max_in_flight = 30') ],
	[ 'no server listens', batches(q{PERFORM FROM dns_query_many(names('big20', i, 100));},
			"pgcares.servers = '127.0.0.1:" . NameServer->closed_port . "'") ],
	[ 'too large answers', batches(failing(q{PERFORM FROM dns_query_many(names('big70', i, 50));}, '54000'),
			"pgcares.max_answer_memory = '1kB'") ],
	[ 'too many questions', batches(failing(q{PERFORM FROM dns_query_many(names('big20', i, 100));}, '54000'), 'pgcares.max_questions = 99') ],
	[ 'an error after each batch', batches(failing(q{PERFORM FROM dns_query_many(names('big20', i, 100)); x := 1 / (i - i);}, '22012')) ],
	[ 'an error in the query of the batch', batches(failing(q{PERFORM 1 / (ord - 50) FROM dns_query_many(names('big20', i, 100));}, '22012')) ],
	[ 'an error in the SELECT list', batches(failing(q{PERFORM dns_query_many(names('big20', i, 100)), 1 / (3 - generate_series(1, 9));}, '22012')) ],
	[ 'LIMIT 1', batches(q{PERFORM FROM dns_query_many(names('big20', i, 50)) LIMIT 1; PERFORM dns_query_many(names('big20', i, 50)) LIMIT 1;}) ],
	[ 'EXISTS', batches(q{ASSERT EXISTS (SELECT FROM dns_query_many(names('big20', i, 100)));}) ],
	[ 'cursors closed early', batches(q{
			OPEN c FOR SELECT ord FROM dns_query_many(names('big20', i, 50));
			FETCH c INTO x;
			OPEN d FOR SELECT (dns_addresses_many(names('big20', i, 50))).ord;
			FETCH d INTO x;
			CLOSE c;
			CLOSE d;}) ],
	[ 'a batch for each row', batches(q{PERFORM FROM generate_series(1, 10) g, dns_query_many(names('sound', g, 10));}) ],
	[ 'statement_timeout', sub {
			my ($count) = @_;
			return (q{SET statement_timeout = '30ms'},
				(q{SELECT FROM dns_query_many(names('drop', 1, 100))}) x ($count / 4), 'RESET statement_timeout');
		}, '00000 57014' ]);

# Runs statements, and a batch with the usual settings; returns the SQLSTATEs, each
# once.
sub run
{
	my %states = map { $session->sqlstate($_) => 1 } @_, q{SELECT * FROM dns_query_many(names('sound', 1, 100))};
	return join ' ', sort keys %states;
}

# Private memory in kB, by the system's count and by PostgreSQL's
sub memory
{
	my $contexts = $session->text('SELECT sum(total_bytes) FROM pg_backend_memory_contexts');
	return ($session->status('RssAnon'), $contexts / 1024);
}

run($_->[1]->(WARM_UP)) foreach @ways;
memory();
foreach (@ways)
{
	my ($name, $statements, $states) = @$_;
	my $descriptors = $session->descriptors;
	my @before = memory();

	is(run($statements->(ROUNDS)), $states // '00000', "$name: as expected");

	my @after = memory();
	is_deeply($session->descriptors, $descriptors, "$name: descriptors as before");
	Session::costs_less($after[0] - $before[0], MAX_GROWTH, "$name: memory of the process");
	cmp_ok($after[1] - $before[1], '<', MAX_GROWTH, "$name: memory contexts");
	note(sprintf '%s: %d kB, contexts %d kB more', $name, $after[0] - $before[0], $after[1] - $before[1]);
}
is_deeply([ $session->inet_sockets ], [], 'no socket is left');

# ---- Batches within batches

$session->text(<<'SQL');
CREATE FUNCTION inner_batch(zone bigint) RETURNS bigint LANGUAGE sql VOLATILE
RETURN (SELECT count(*) FROM dns_query_many(names('sound', zone::int, 20)) WHERE status = 'NOERROR');
CREATE FUNCTION nested(depth int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	r record;
	sum bigint := 0;
BEGIN
	IF depth = 0 THEN
		RETURN 0;
	END IF;
	FOR r IN SELECT * FROM dns_query_many(names('delay1', depth, 2)) LOOP
		sum := sum + (r.status = 'NOERROR' AND r.question = format('delay1.n%s.z%s.example', r.ord, depth))::int
			+ CASE WHEN r.ord = 1 THEN nested(depth - 1) ELSE 0 END;
	END LOOP;
	RETURN sum;
END
$$;
CREATE TABLE found (ord bigint, address inet, name text);
CREATE FUNCTION reverse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.name := (SELECT string_agg(ptrdname, ' ') FROM dns_reverse_many(ARRAY[NEW.address]));
	RETURN NEW;
END
$$;
CREATE TRIGGER reverse BEFORE INSERT ON found FOR EACH ROW EXECUTE FUNCTION reverse();
SQL
is($session->text(q{SELECT sum(inner_batch(ord)), count(*) FROM dns_query_many(names('sound', 0, 50)) WHERE status = 'NOERROR'}),
	'1000|50', 'a batch for each row of a batch');
is($session->text('SELECT nested(100)'), 200, 'a hundred batches, each in the one before');
is($session->text(q{SELECT count(*), min(status), max(status) FROM dns_query_many(ARRAY(
		SELECT question FROM dns_query_many(names('sound', 3, 40) || names('nxdomain', 3, 2)) WHERE status = 'NOERROR'))}),
	'40|NOERROR|NOERROR', 'a batch that returns the array of another');
$session->text(q{INSERT INTO found SELECT ord, address FROM dns_addresses_many(names('sound', 4, 20))});
is($session->text('SELECT count(*), count(DISTINCT ord), min(name), max(name) FROM found WHERE family(address) = 4'),
	'20|20|sound.1.2.0.192.in-addr.arpa|sound.1.2.0.192.in-addr.arpa', 'a batch in a trigger, fired by the rows of a batch');

# the inner batch fails, the outer one goes on
is($session->text(<<'SQL'), '20|20', 'errors inside do not disturb the outer one');
CREATE FUNCTION failing_inside(zone bigint) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 / (ord - 5) FROM dns_query_many(names('sound', zone::int, 10));
	RETURN 0;
EXCEPTION WHEN division_by_zero THEN
	RETURN 1;
END
$$;
SELECT count(*), sum(failing_inside(ord)) FROM dns_query_many(names('sound', 5, 20));
SQL

# ---- Side by side

{
	my @rows;

	$session->text('BEGIN');
	$session->text("DECLARE c$_ CURSOR FOR SELECT ord, question, rdata FROM dns_query_many(names('delay$_', $_, 30))") foreach 1, 2;
	foreach my $row (1 .. 31)
	{
		push @rows, $session->text("FETCH c$_") foreach 1, 2;
		$session->text(q{SELECT FROM dns_query_many(names('sound', 9, 5))}) if $row % 10 == 0;
	}
	$session->text('CLOSE c1');
	$session->text('COMMIT');
	is_deeply(\@rows, [ (map { my $row = $_; map { "$row|delay$_.n$row.z$_.example|192.0.2.1" } 1, 2 } 1 .. 30), '', '' ],
		'two cursors, read in turn');
}
is($session->text(q{SELECT count(*), count(*) FILTER (WHERE a.ord = b.ord AND a.status = b.status)
		FROM dns_query_many(names('sound', 6, 30)) a FULL JOIN dns_query_many(names('sound', 7, 30)) b USING (ord)}),
	'30|30', 'two batches in a join');

# a batch that a statement in a savepoint has left behind
$session->text('BEGIN; SAVEPOINT s');
$session->text(q{DECLARE c CURSOR FOR SELECT ord FROM dns_query_many(names('sound', 8, 30)); FETCH 3 FROM c});
$session->text('ROLLBACK TO s');
is($session->text(q{SELECT count(*) FROM dns_query_many(names('sound', 8, 30))}), 30, 'after a savepoint with an open cursor');
$session->text('COMMIT');

# settings count at the beginning of the call
is($session->text(q{SELECT status, count(*) FROM dns_query_many(names('sound', 10, 20) || names('drop', 10, 2)) AS q,
		set_config('pgcares.deadline', '100ms', false) GROUP BY status ORDER BY status; RESET pgcares.deadline}) =~ /NOERROR\|20/, 1,
	'a setting that changes within a statement');

# prepared, with arrays of any length
$session->text(q{PREPARE p (text[]) AS SELECT count(*), count(*) FILTER (WHERE status = 'NOERROR') FROM dns_query_many($1)});
is(join(' ', map { $session->text("EXECUTE p (names('sound', 11, $_))") } 1, 500, 0, 3, 2, 1, 9, 300),
	'1|1 500|500 0|0 3|3 2|2 1|1 9|9 300|300', 'prepared');

# ---- Parallel workers

{
	my $query = q{SELECT p.n, q.* FROM parallel_names p, dns_query_many(ARRAY[p.n, NULL, 'nxdomain.' || p.n, 'big3.' || p.n]) q};

	$session->text(<<'SQL');
CREATE TABLE parallel_names AS SELECT 'p' || i || '.example' AS n FROM generate_series(1, 200) i;
ALTER TABLE parallel_names SET (parallel_workers = 2);
SQL
	my $serial = $session->text("SELECT * FROM ($query) q ORDER BY n, ord, rdata");
	is(scalar(split /\n/, $serial), 200 * 6, 'serial: the rows');
	$session->text(join '; ', map { "SET $_" } 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0',
		'min_parallel_table_scan_size = 0', 'parallel_leader_participation = off');
	like($session->text("EXPLAIN (COSTS off) $query"), qr/^Gather.*Nested Loop.*Parallel Seq Scan.*Function Scan on dns_query_many/s,
		'parallel: the plan');
	$server->forget;
	is($session->text("SELECT * FROM ($query) q ORDER BY n, ord, rdata"), $serial, 'parallel: the same rows');
	is($server->count(qr/(?:^|\.)p\d+\.example$/), 600, 'parallel: each asked once');

	my $silent = q{SELECT count(*) FROM parallel_names p, dns_query_many(ARRAY['drop.' || p.n]) q};
	is($session->sqlstate("SET statement_timeout = '500ms'; $silent"), '57014', 'parallel: cancelled');
	$session->text('RESET ALL');
	is($session->text(q{SELECT count(*) FROM dns_query_many(names('sound', 1, 10))}), 10, 'the session goes on');
}
is_deeply([ $session->inet_sockets ], [], 'no socket is left');
done_testing();
