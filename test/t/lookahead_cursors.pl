# Property: a cursor gives the same rows as without look-ahead, however it is moved and
# whenever it is closed; and WHERE CURRENT OF changes the row that it is at.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving(mode => 'jitter2');
my $node = Session->cluster([$server]);
my $setup = Session->new($node);
my %session = map { $_ => Session->new($node, options => "-c pgcares.lookahead=$_") } 'on', 'off';

$setup->text($_) foreach
  "CREATE TABLE hosts AS SELECT i AS id, 'host' || i || '.example' AS n, inet '198.18.0.0' + i AS ip, ''::text AS note FROM generate_series(1, 40) i",
  'CREATE UNIQUE INDEX ON hosts (id)',
  'CREATE TABLE parted (id int, n text, ip inet, note text) PARTITION BY RANGE (id)',
  (map { sprintf 'CREATE TABLE parted_%d PARTITION OF parted FOR VALUES FROM (%d) TO (%d)', $_, $_ * 3, $_ * 3 + 3 } 0 .. 13),
  'INSERT INTO parted SELECT * FROM hosts',
  'ANALYZE';
$_->text(q{SELECT dns_reverse('198.18.0.1')}) foreach values %session;

my %select = (
	scalar => 'SELECT id, dns_reverse(ip) FROM hosts',
	condition => q{SELECT id FROM hosts WHERE dns_reverse(ip) LIKE '%.18.%'},
	lateral => q{SELECT h.id, q.* FROM hosts h, LATERAL dns_mx(h.n, 'ignore') q},
	left => q{SELECT h.id, q.* FROM hosts h LEFT JOIN LATERAL dns_mx(h.n, 'ignore') q ON true},
	sets => q{SELECT id, dns_mx(n, 'ignore') FROM hosts},
	subquery => q{SELECT id, (SELECT max(exchange) FROM dns_mx(n, 'ignore')) FROM hosts},
	sorted => 'SELECT id, dns_reverse(ip) FROM hosts ORDER BY n',
	aggregate => q{SELECT id % 7, count(dns_lookup(n, 4, 'ignore')) FROM hosts GROUP BY 1},
	updated => 'SELECT id, dns_reverse(ip) FROM hosts FOR UPDATE');

# The output of these statements as text, errors included
sub output
{
	my ($session, @statements) = @_;
	my @output;

	foreach my $statement (@statements)
	{
		my $result = $session->query($statement);
		push @output, map { join '|', map { $_ // '\N' } @$_ } @{ $result->{rows} };
		push @output, "$result->{error}{C} $result->{error}{M}" if $result->{error};
	}
	return join "\n", @output;
}

sub same
{
	my ($what, @statements) = @_;
	my $on = output($session{on}, @statements);
	my $off = output($session{off}, @statements);

	is($on, $off, $what);
	is_deeply([ $session{on}->inet_sockets ], [], '... no socket is left');
	return $on;
}

# ---- Each kind of cursor, and its moves

my @forward = map { ("FETCH $_ FROM c", 'MOVE 2 IN c') } 1, 3, 5, 10;
my @ways = (
	[ 'forward', @forward, 'FETCH ALL FROM c', 'FETCH c' ],
	[ 'closed early', 'FETCH 3 FROM c', 'CLOSE c' ],
	[ 'closed before', 'CLOSE c' ],
	[ 'moved', 'MOVE 10 IN c', 'FETCH 2 FROM c', 'MOVE ALL IN c', 'FETCH c' ],
	[ 'none', 'FETCH 0 FROM c', 'FETCH 2 FROM c', 'FETCH 0 FROM c' ],
	[ 'back', 'FETCH 7 FROM c', 'FETCH BACKWARD 3 FROM c', 'FETCH 4 FROM c', 'FETCH FIRST FROM c', 'FETCH LAST FROM c',
		'FETCH ABSOLUTE 5 FROM c', 'FETCH RELATIVE -2 FROM c', 'FETCH PRIOR FROM c', 'MOVE BACKWARD ALL IN c', 'FETCH 3 FROM c' ],
	[ 'with another beside it', 'FETCH 3 FROM c', 'DECLARE d CURSOR FOR ' . $select{left}, 'FETCH 5 FROM d', 'FETCH 5 FROM c',
		'CLOSE c', 'FETCH 5 FROM d' ],
	[ 'with a savepoint', 'FETCH 3 FROM c', 'SAVEPOINT s', 'FETCH 3 FROM c', 'SELECT 1 / 0', 'ROLLBACK TO s', 'FETCH 3 FROM c' ]);

foreach my $kind ('', 'NO SCROLL', 'SCROLL')
{
	foreach my $name (sort keys %select)
	{
		foreach (@ways)
		{
			my ($way, @statements) = @$_;
			same("$kind cursor, $name, $way", 'BEGIN', "DECLARE c $kind CURSOR FOR $select{$name}", @statements, 'COMMIT', 'ROLLBACK');
		}
	}
}
foreach my $name (grep { $_ ne 'updated' } sort keys %select)
{
	same("cursor WITH HOLD, $name", 'BEGIN', "DECLARE c CURSOR WITH HOLD FOR $select{$name}", 'FETCH 3 FROM c', 'COMMIT',
		'FETCH 5 FROM c', 'CLOSE c');
}

# a cursor in a savepoint that is rolled back, and one whose lookup fails
same('a cursor of a savepoint', 'BEGIN', 'SAVEPOINT s', "DECLARE c CURSOR FOR $select{lateral}", 'FETCH 3 FROM c', 'ROLLBACK TO s',
	'FETCH c', 'ROLLBACK');
same('a lookup that fails', 'BEGIN', q{DECLARE c NO SCROLL CURSOR FOR SELECT h.id, dns_lookup('nxdomain.' || h.n, 4, CASE WHEN h.id < 5 THEN 'ignore' END) FROM hosts h},
	'FETCH 3 FROM c', 'FETCH 3 FROM c', 'ROLLBACK');

# ---- WHERE CURRENT OF

foreach my $kind ('', 'NO SCROLL', 'SCROLL')
{
	foreach my $lock ('', 'FOR UPDATE')
	{
		foreach my $name ('scalar', 'condition', 'subquery')
		{
			my @statements = ("BEGIN; DECLARE c $kind CURSOR FOR $select{$name} $lock");
			push @statements, "FETCH $_ FROM c", "UPDATE hosts SET note = note || 'x' WHERE CURRENT OF c" foreach 1, 3, 2;
			same("WHERE CURRENT OF, $kind cursor, $name $lock", @statements, 'DELETE FROM hosts WHERE CURRENT OF c', 'FETCH 2 FROM c',
				q{SELECT id, note FROM hosts WHERE note <> '' ORDER BY id}, 'SELECT count(*) FROM hosts', 'ROLLBACK');
		}
	}
}

# ... whose lookups are asked ahead over all partitions, if no cursor has a name
my %parted = (
	scalar => 'SELECT id, dns_reverse(ip) FROM parted',
	condition => q{SELECT id, dns_reverse(ip) FROM parted WHERE id > 1 AND dns_reverse(ip) LIKE '%.18.%'},
	limited => 'SELECT dns_reverse(ip), id FROM parted LIMIT 30',
	union => 'SELECT id, dns_reverse(ip) FROM parted WHERE id < 9 UNION ALL SELECT id, dns_reverse(ip) FROM parted WHERE id > 20',
	within => 'SELECT id, dns_reverse(ip) FROM (SELECT id, ip FROM parted UNION ALL SELECT id, ip FROM hosts OFFSET 1) h LIMIT 20',
	subquery => 'SELECT h.id, dns_reverse(h.ip) FROM (SELECT * FROM parted OFFSET 0) h');
foreach my $name (sort keys %parted)
{
	like($session{on}->text("EXPLAIN $parted{$name}"), qr/DnsLookahead.*Append/s, "partitions, $name: one node for all");
	foreach my $kind ('', 'NO SCROLL')
	{
		my @statements = ("BEGIN; DECLARE c $kind CURSOR FOR $parted{$name}");
		push @statements, "FETCH $_ FROM c", "UPDATE parted SET note = note || 'x' WHERE CURRENT OF c" foreach 1, 3, 2;
		same("WHERE CURRENT OF, partitions, $kind cursor, $name", @statements, 'ROLLBACK', @statements, 'DELETE FROM parted WHERE CURRENT OF c', 'FETCH 2 FROM c',
			q{SELECT id, note FROM parted WHERE note <> '' ORDER BY id}, 'SELECT count(*) FROM parted', 'ROLLBACK');
	}
	my %portal = map {
		$session{$_}->send_steps([ run => 'BEGIN' ], [ parse => 's', $parted{$name} ], [ bind => 'p', 's' ], [ execute => 'p', 4 ],
			[ run => 'UPDATE parted SET note = note || \'y\' WHERE CURRENT OF p RETURNING id, note' ], [ execute => 'p', 2 ], [ run => 'ROLLBACK' ]);
		my $result = $session{$_}->result;
		($_ => join "\n", $result->{error} ? "$result->{error}{C} $result->{error}{M}" : map { join '|', @$_ } @{ $result->{rows} })
	} qw(on off);
	is($portal{on}, $portal{off}, "WHERE CURRENT OF, partitions, portal, $name");
	$session{$_}->text('ROLLBACK') foreach qw(on off);
}
like(output($session{on}, 'BEGIN', "DECLARE c NO SCROLL CURSOR FOR $select{scalar} FOR UPDATE", 'FETCH 4 FROM c',
		q{UPDATE hosts SET note = 'here' WHERE CURRENT OF c RETURNING id, note}, 'ROLLBACK'), qr/^4\|here$/m,
	'the row that was fetched is changed');

# ---- Loops

$setup->text(<<'SQL');
CREATE FUNCTION first_rows(wanted int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	got text[];
BEGIN
	FOR r IN SELECT h.id, q.exchange FROM hosts h LEFT JOIN LATERAL dns_mx(h.n, 'ignore') q ON true LOOP
		EXIT WHEN cardinality(got) >= wanted;
		got := got || format('%s %s', r.id, r.exchange);
	END LOOP;
	RETURN array_to_string(got, ', ');
END
$$;
CREATE FUNCTION by_cursor(wanted int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c CURSOR (low int) FOR SELECT id, dns_reverse(ip) AS name FROM hosts WHERE id > low;
	r record;
	got text[];
BEGIN
	FOR r IN c (10) LOOP
		got := got || format('%s %s', r.id, r.name);
		UPDATE hosts SET note = 'seen' WHERE CURRENT OF c;
		EXIT WHEN r.id >= wanted;
	END LOOP;
	RETURN array_to_string(got, ', ') || (SELECT count(*) FROM hosts WHERE note = 'seen');
END
$$;
CREATE FUNCTION opened(OUT c refcursor) LANGUAGE plpgsql AS $$
BEGIN
	OPEN c FOR SELECT id, dns_reverse(ip) FROM hosts;
END
$$;
CREATE FUNCTION fetched(wanted int) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	c refcursor := current_setting('test.cursor');
	r record;
BEGIN
	FOR i IN 1 .. wanted LOOP
		FETCH c INTO r;
		EXIT WHEN NOT FOUND;
		RETURN NEXT r::text;
	END LOOP;
END
$$;
CREATE FUNCTION all_rows() RETURNS TABLE (id int, exchange text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT h.id, q.exchange FROM hosts h, LATERAL dns_mx(h.n, 'ignore') q;
END
$$;
CREATE FUNCTION given_back() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT dns_reverse(ip) AS name FROM hosts LOOP
		RETURN NEXT r.name;
		IF r.name LIKE 'sound.30.%' THEN
			RETURN;
		END IF;
	END LOOP;
END
$$;
SQL
foreach my $wanted (1, 9, 10, 11, 1000)
{
	same("a loop that ends after $wanted rows", "SELECT first_rows($wanted)") foreach 1, 2;
	same("a loop over a cursor that ends after $wanted", 'BEGIN', "SELECT by_cursor($wanted)", 'ROLLBACK');
}
same('a cursor that a function opens', 'BEGIN', q{SELECT set_config('test.cursor', opened()::text, true) IS NOT NULL},
	q{SELECT * FROM fetched(5)}, q{SELECT * FROM fetched(50)}, 'ROLLBACK');
same('rows that a function returns', 'SELECT * FROM all_rows() WHERE id < 30');
same('... of which only some are read', 'SELECT * FROM all_rows() LIMIT 5');
same('a set whose rest is not read', 'SELECT * FROM given_back()');
same('a call for each row in a loop',
	q{SELECT h.id, s.* FROM hosts h, LATERAL (SELECT first_rows(h.id % 5 + 1)) s WHERE h.id <= 10});

done_testing();
