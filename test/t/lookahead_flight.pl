# Property: the lookups of a statement are in flight together, for each function and each
# place in the statement: as many as max_in_flight allows. A slow one delays no other, and
# no name is asked twice. To show it, a server answers only when it has been asked for
# enough names.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Batch;
use NameServer;
use Session;

# Rows; names that the server waits for
use constant ROWS => 20;

my $crowded = NameServer->misbehaving(mode => 'crowd' . ROWS);
my $server = NameServer->misbehaving;
my $node = Session->cluster([$crowded], "pgcares.timeout = '4s'", 'pgcares.tries = 1', 'max_worker_processes = 8');
my $session = Session->new($node);
my $zones = 0;

$session->text($_) foreach
  sprintf("CREATE TABLE hosts AS SELECT i AS id, 'h' || i AS n, inet '192.0.2.0' + i AS ip, NULL::inet AS address FROM generate_series(1, %d) i", ROWS),
  'CREATE TABLE found (id int PRIMARY KEY, address inet)',
  'CREATE TABLE parted (LIKE hosts) PARTITION BY RANGE (id)',
  (map { sprintf 'CREATE TABLE parted_%d PARTITION OF parted FOR VALUES FROM (%d) TO (%d)', $_, $_ * 4, $_ * 4 + 4 } 0 .. 5),
  'INSERT INTO parted SELECT * FROM hosts',
  "CREATE TABLE many AS SELECT i AS id, 'h' || i AS n, repeat('x', 500) AS wide FROM generate_series(1, 1000) i",
  'ANALYZE';

# A statement with the names of a new zone, and the zone
sub in_zone
{
	my ($sql) = @_;
	my $zone = 'z' . ++$zones . '.example';

	return ($sql =~ s/NAME/h.n || '.$zone'/gr, $zone);
}

# A statement succeeds only if the server has been asked for all its names.
sub together
{
	my ($what, $sql, $expected, $with) = @_;
	my ($statement) = in_zone($sql);
	my $result = ($with // $session)->query($statement);
	my $got = $result->{error} ? "$result->{error}{C} $result->{error}{M}"
	  : join "\n", map { join '|', map { $_ // '' } @$_ } @{ $result->{rows} };

	is($got, $expected, $what);
}

# ---- Each function

foreach my $function (qw(a aaaa caa cname hinfo https mx naptr ns ptr soa srv svcb tlsa txt uri))
{
	together("dns_$function", "SELECT count(*) FROM hosts h, LATERAL dns_$function(NAME)", ROWS);
}
together($_->[0], "SELECT count(*) FROM hosts h, LATERAL $_->[0] AS f $_->[1]", ROWS) foreach
  [ 'dns_query(NAME)', '' ],
  [ q{dns_query(NAME, 'MX')}, '' ],
  [ 'dns_search(NAME)', '' ],
  [ 'dns_ptr(h.ip)', '' ],
  [ 'dns_ptr(host(h.ip))', '' ],
  [ 'dns_addresses(NAME, 4)', '' ],
  [ q{dns_getaddrinfo(NAME, '443', 4, 1)}, '' ],
  [ 'dns_getaddrinfo(NAME, 443, 4, 1)', '' ],
  [ 'dns_gethostbyname(NAME, 4)', '' ],
  [ 'dns_gethostbyaddr(h.ip)', '' ],
  [ 'dns_getnameinfo(h.ip, 25)', '' ],
  [ 'dns_message(NAME)', q{WHERE f.status = 'NOERROR'} ];
together("SELECT $_", "SELECT count(*) FROM (SELECT $_ AS f FROM hosts h OFFSET 0) s WHERE f IS NOT NULL", ROWS) foreach
  'dns_lookup(NAME, 4)', 'dns_lookup(NAME)', 'dns_reverse(h.ip)', 'dns_message_json(NAME)';

# ---- Each place in a statement

together(@$_) foreach
  [ 'LEFT JOIN LATERAL', 'SELECT count(*), count(a.address) FROM hosts h LEFT JOIN LATERAL dns_a(NAME) a ON true', ROWS . '|' . ROWS ],
  [ 'a condition', 'SELECT count(*) FROM hosts h WHERE dns_lookup(NAME, 4) IS NOT NULL', ROWS ],
  [ 'a condition behind a cheap one', 'SELECT count(*) FROM hosts h WHERE dns_lookup(NAME, 4) IS NOT NULL AND h.id > 0', ROWS ],
  [ 'an aggregate', 'SELECT count(dns_lookup(NAME, 4)) FROM hosts h', ROWS ],
  [ 'an aggregate of groups', 'SELECT sum(n) FROM (SELECT count(dns_lookup(NAME, 4)) AS n FROM hosts h GROUP BY h.id % 3) g', ROWS ],
  [ 'a window', 'SELECT count(n) FROM (SELECT count(dns_lookup(NAME, 4)) OVER () AS n FROM hosts h) w', ROWS ],
  [ 'sets in the SELECT list', 'SELECT count(*) FROM (SELECT dns_a(NAME) FROM hosts h) s', ROWS ],
  [ 'a sort key', 'SELECT count(*) FROM (SELECT h.id FROM hosts h ORDER BY dns_lookup(NAME, 4) OFFSET 0) s', ROWS ],
  [ 'a group key', 'SELECT count(*) FROM (SELECT dns_lookup(NAME, 4) FROM hosts h GROUP BY 1) s', 1 ],
  [ 'a lateral aggregate', 'SELECT count(*) FROM hosts h, LATERAL (SELECT max(address) FROM dns_a(NAME)) s', ROWS ],
  [ 'a lateral LIMIT', 'SELECT count(*) FROM hosts h, LATERAL (SELECT * FROM dns_a(NAME) ORDER BY ttl LIMIT 1) s', ROWS ],
  [ 'a lateral union', 'SELECT count(*) FROM hosts h, LATERAL (SELECT ttl FROM dns_a(NAME) UNION ALL SELECT ttl FROM dns_mx(NAME)) s', 2 * ROWS ],
  [ 'a subquery of the SELECT list', 'SELECT count((SELECT max(address) FROM dns_a(NAME))) FROM hosts h', ROWS ],
  [ 'an array of a subquery', 'SELECT count(a) FROM (SELECT ARRAY(SELECT address FROM dns_a(NAME)) AS a FROM hosts h OFFSET 0) s', ROWS ],
  [ 'EXISTS', 'SELECT count(*) FROM hosts h WHERE EXISTS (SELECT FROM dns_a(NAME) WHERE ttl > 0)', ROWS ],
  [ 'NOT EXISTS', 'SELECT count(*) FROM hosts h WHERE NOT EXISTS (SELECT FROM dns_a(NAME) WHERE ttl > 300)', ROWS ],
  [ 'IN', q{SELECT count(*) FROM hosts h WHERE inet '192.0.2.1' IN (SELECT address FROM dns_a(NAME))}, ROWS ],
  [ 'above a join', 'SELECT count(dns_lookup(NAME, 4)) FROM hosts h JOIN hosts g USING (id)', ROWS ],
  [ 'above a sort', 'SELECT count(*) FROM (SELECT dns_lookup(NAME, 4) FROM (SELECT * FROM hosts ORDER BY n OFFSET 0) h) s', ROWS ],
  [ 'of a union', 'SELECT count(dns_lookup(NAME, 4)) FROM (SELECT * FROM hosts WHERE id < 9 UNION ALL SELECT * FROM hosts WHERE id >= 9) h', ROWS ],
  [ 'of partitions', 'SELECT count(*) FROM (SELECT dns_lookup(NAME, 4) FROM parted h OFFSET 0) s', ROWS ],
  [ 'of partitions, in a condition', 'SELECT count(*) FROM parted h WHERE dns_lookup(NAME, 4) IS NOT NULL', ROWS ],
  [ 'of partitions, in a condition behind a cheap one', 'SELECT count(*) FROM parted h WHERE h.id > 0 AND dns_lookup(NAME, 4) IS NOT NULL', ROWS ],
  [ 'of partitions, aggregated', 'SELECT count(dns_lookup(NAME, 4)) FROM parted h', ROWS ],
  [ 'of partitions, changed', 'UPDATE parted h SET address = dns_lookup(NAME, 4)', '' ],
  [ 'of partitions, deleted', q{DELETE FROM parted h WHERE dns_lookup(NAME, 4) = '192.0.2.66'}, '' ],
  [ 'of partitions and a table', 'SELECT count(*) FROM (SELECT dns_lookup(NAME, 4) FROM parted h WHERE id < 9 UNION ALL SELECT dns_lookup(NAME, 4) FROM hosts h WHERE id >= 9 OFFSET 0) s', ROWS ],
  [ 'of a CTE', 'WITH h AS MATERIALIZED (SELECT * FROM hosts) SELECT count(a.*) FROM h, LATERAL dns_a(NAME) a', ROWS ],
  [ 'of a set', sprintf(q{SELECT count(a.*) FROM generate_series(1, %d) g, LATERAL (SELECT 'h' || g AS n OFFSET 0) h, LATERAL dns_a(NAME) a}, ROWS), ROWS ],
  [ 'WITH ORDINALITY', 'SELECT sum(ordinality) FROM hosts h, LATERAL dns_a(NAME) WITH ORDINALITY', ROWS ],
  [ 'ROWS FROM', 'SELECT count(*) FROM hosts h, LATERAL ROWS FROM (dns_a(NAME), dns_mx(NAME)) q', ROWS ],
  [ 'one from the answer of another', q{SELECT count(a.*) FROM hosts h, LATERAL dns_mx(NAME) m, LATERAL dns_a(replace(m.exchange, 'sound.', '')) a}, ROWS ],
  [ 'a name that our functions compute', q{SELECT count(a.*) FROM hosts h, LATERAL dns_a(dns_suffix(dns_parent('x.' || NAME), 3)) a}, ROWS ],
  [ 'from an aggregate that sorts', q{SELECT count(a.*) FROM hosts h, LATERAL (SELECT array_agg(exchange ORDER BY preference) AS e FROM dns_mx(NAME)) m, LATERAL dns_a(replace(m.e[1], 'sound.', '')) a}, ROWS ],
  [ 'two beside each other', 'SELECT count(a.*), count(m.*) FROM hosts h LEFT JOIN LATERAL dns_a(NAME) a ON true LEFT JOIN LATERAL dns_mx(NAME) m ON true', ROWS . '|' . ROWS ],
  [ 'INSERT', 'INSERT INTO found SELECT h.id, dns_lookup(NAME, 4) FROM hosts h', '' ],
  [ 'INSERT ... ON CONFLICT', 'INSERT INTO found SELECT h.id, dns_lookup(NAME, 4) FROM hosts h ON CONFLICT (id) DO UPDATE SET address = EXCLUDED.address', '' ],
  [ 'CREATE TABLE AS', 'CREATE TEMPORARY TABLE t AS SELECT dns_lookup(NAME, 4) FROM hosts h', '' ],
  [ 'COPY', 'COPY (SELECT 1 FROM hosts h WHERE dns_lookup(NAME, 4) IS NULL) TO STDOUT', '' ],
  [ 'UPDATE', 'UPDATE hosts h SET address = dns_lookup(NAME, 4)', '' ],
  [ 'UPDATE ... FROM', 'UPDATE hosts u SET address = a.address FROM hosts h, LATERAL dns_a(NAME) a WHERE u.id = h.id', '' ],
  [ 'DELETE', q{DELETE FROM hosts h WHERE dns_lookup(NAME, 4) = '192.0.2.66'}, '' ],
  # if one side of a hash join is empty, only the first row of the other is read
  [ 'MERGE', 'SET enable_hashjoin = off; SET enable_mergejoin = off; MERGE INTO found f USING (SELECT h.id, dns_lookup(NAME, 4) AS address FROM hosts h) s ON f.id = s.id WHEN MATCHED THEN UPDATE SET address = s.address', '' ];
is($session->text(q{SELECT count(*) FROM hosts JOIN found USING (id, address) WHERE address = '192.0.2.1'}), ROWS,
	'the statements wrote the right rows');

# ---- Each way to run a statement

{
	my $select = 'SELECT count(*) FROM hosts h, LATERAL dns_a(NAME)';
	my $fresh = Session->new($node);
	together('the first statement of a session', $select, ROWS, $fresh);
	$fresh->close;

	foreach my $mode ('force_generic_plan', 'force_custom_plan')
	{
		my ($prepare) = in_zone(sprintf 'PREPARE p (int) AS %s WHERE h.id > $1', $select);
		$fresh = Session->new($node);
		$fresh->text("SET plan_cache_mode = $mode; $prepare");
		together("prepared, $mode: run $_", 'EXECUTE p (0)', ROWS, $fresh) foreach 1 .. 3;
		$fresh->close;
	}

	$session->text(q{CREATE FUNCTION counted(zone text) RETURNS bigint LANGUAGE plpgsql AS
		'BEGIN RETURN (SELECT count(*) FROM hosts h, LATERAL dns_a(h.n || zone)); END'});
	# a loop fetches ten rows at first, then more
	$session->text(q{CREATE FUNCTION counted_by_loop(zone text) RETURNS bigint LANGUAGE plpgsql AS '
		DECLARE r record; n bigint := 0;
		BEGIN
			FOR r IN SELECT h.id, dns_lookup(''crowd10.'' || h.n || zone, 4) AS a FROM hosts h LOOP n := n + (r.a IS NOT NULL)::int; END LOOP;
			RETURN n;
		END'});
	# ... and gets a plan with a node for each partition
	$session->text(q{CREATE FUNCTION counted_in_parts(zone text) RETURNS bigint LANGUAGE plpgsql AS '
		DECLARE r record; n bigint := 0;
		BEGIN
			FOR r IN SELECT h.id, dns_lookup(''crowd2.'' || h.n || zone, 4) AS a FROM parted h WHERE h.id BETWEEN 4 AND 19 LOOP n := n + (r.a IS NOT NULL)::int; END LOOP;
			RETURN n;
		END'});
	$session->text(q{CREATE FUNCTION counted_by_sql(zone text) RETURNS bigint LANGUAGE sql VOLATILE AS
		'SELECT count(*) FROM hosts h, LATERAL dns_a(h.n || zone)'});
	foreach my $name (qw(counted counted_by_sql))
	{
		together("in a function, $name: run $_", "SELECT $name('.f$name$_.example')", ROWS) foreach 1 .. 7;
	}
	$fresh = Session->new($node, options => '-c pgcares.servers=' . $server->address);
	together("in a function, counted_in_parts: run $_", "SELECT counted_in_parts('.parts$_.example')", 16, $fresh) foreach 1 .. 2;
	together("in a function, counted_by_loop: run $_", "SELECT counted_by_loop('.loop$_.example')", ROWS, $fresh) foreach 1 .. 7;
	$fresh->close;
	together('DO', qq{DO 'BEGIN PERFORM dns_lookup(h.n || ''.do.example'', 4) FROM hosts h; END'}, '');
	$session->text('CREATE VIEW v AS ' . (in_zone('SELECT h.id, dns_lookup(NAME, 4) AS address FROM hosts h'))[0]);
	together('a view', 'SELECT count(address) FROM v', ROWS);
	together('a cursor', 'BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT count(*) FROM hosts h, LATERAL dns_a(NAME); FETCH ALL FROM c; COMMIT', ROWS);

	# one worker gets all rows, which are on one page
	$session->text('ALTER TABLE hosts SET (parallel_workers = 2)');
	$fresh = Session->new($node, options => join ' ', map { "-c $_" } 'parallel_setup_cost=0', 'parallel_tuple_cost=0',
		'min_parallel_table_scan_size=0', 'max_parallel_workers_per_gather=2', 'parallel_leader_participation=off');
	like($fresh->text("EXPLAIN $select" =~ s/NAME/h.n/r), qr/Gather.*DnsLookahead/s, 'in a parallel worker: the plan');
	together('in a parallel worker', $select, ROWS, $fresh);
	$fresh->close;
}

# ---- The number in flight, and the order

$session->text("SET pgcares.servers = '${\$server->address}'");
foreach my $limit (1, 10, 200)
{
	my $rows = $limit == 1 ? 20 : 400;
	my $select = "SELECT count(*) FROM many h, LATERAL dns_a('LABEL.' || NAME) WHERE h.id <= $rows";
	my ($sql, $zone) = in_zone($select =~ s/LABEL/delay50/r);

	$server->forget;
	is($session->text("SET pgcares.max_in_flight = $limit; $sql"), $rows, "$limit in flight: the rows");
	my @queries = grep { $_->{name} =~ /\Q$zone\E$/ } $server->log;
	is(scalar @queries, $rows, '... each asked once');
	cmp_ok(Batch::most_within(0.045, @queries), '<=', $limit, '... no more at once');
	together('... and no fewer', $select =~ s/LABEL/crowd$limit/r, $rows);
}
$session->text('RESET pgcares.max_in_flight');

# equal names, near to each other and far
{
	my ($sql, $zone) = in_zone(q{SELECT count(*), count(DISTINCT a.address) FROM (SELECT 'host' || id % 4 + 1 AS n FROM many OFFSET 0) h, LATERAL dns_a(NAME, 'ignore') a});
	$server->forget;
	is($session->text($sql), '1000|4', 'equal names: the rows');
	is($server->count(qr/\Q$zone\E$/), 4, '... each asked once');

	($sql, $zone) = in_zone(q{SELECT count(dns_lookup(NAME, 4)), count(dns_lookup(upper(NAME), 4)) FROM hosts h});
	is($session->text($sql), ROWS . '|' . ROWS, 'equal names in two calls, in upper and lower case: the rows');
}

# Slow lookups delay no other: the last name is asked while the first waits, although
# only four can be in flight, unless the rows between do not fit into memory.
$session->text('SET pgcares.max_in_flight = 4');
foreach ([ '4MB', 'h.id' ], [ '64kB', 'h.wide' ])
{
	my ($memory, $column) = @$_;
	my ($sql, $zone) = in_zone(qq{SELECT $column, dns_lookup(CASE WHEN h.id = 1 THEN 'drop.' ELSE '' END || NAME, 4) FROM many h});
	my $last = "h1000.$zone";

	$session->text("SET work_mem = '$memory'");
	$session->send($sql);
	if ($memory eq '4MB')
	{
		Session::wait_until(sub { $server->has_seen($last) || $session->has_result }, 'the last name or the end');
		is($server->count(qr/^\Q$last\E$/), 1, 'a lookup without an answer delays no other');
		is(Session::sqlstate_of($session->result), 'NDA12', '... and fails by itself');
		next;
	}
	is(Session::sqlstate_of($session->result), 'NDA12', 'little memory: the first lookup fails');
	my $asked = $server->count(qr/\Q$zone\E$/);
	cmp_ok($asked, '>', 20, '... after some others have been asked');
	cmp_ok($asked, '<', 200, '... but not all, since their rows do not fit');
	note("64 kB: $asked rows of 500 octets");
}

done_testing();
