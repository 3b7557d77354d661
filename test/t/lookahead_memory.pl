# The cost of look-ahead is bounded: the memory of a statement does not grow with its
# rows, and its descriptors do not grow with its nodes.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use List::Util qw(sum);
use Test::More;
use NameServer;
use Session;

# Rows; the growth of the peak memory, in kB, from half of the rows, which fill all that is
# kept, to all of them; and the memory that 100,000 lookups can leave
use constant { ROWS => $ENV{PGCARES_DEEP} ? 200000 : 80000, MAX_GROWTH => 6 * 1024, MAX_LEFT => 512 };

my $server = NameServer->knot;
# lost names are asked again soon, and often
my $node = Session->cluster([$server], 'jit = off', "pgcares.timeout = '2s'", 'pgcares.tries = 10');
my $setup = Session->new($node);

# Knot makes up any number of names.
$setup->text($_) foreach
  sprintf(q{CREATE TABLE hosts AS SELECT i AS id, inet '10.0.0.0' + i AS ip,
	format('ip-10-%%s-%%s-%%s.dyn.example', i >> 16, i >> 8 & 255, i & 255) AS n FROM generate_series(1, %d) i}, ROWS),
  'ANALYZE';

# The peak memory of a new session that runs a statement, in kB
sub most
{
	my ($sql, $expected, @settings) = @_;
	my $session = Session->new($node, options => join ' ', map { "-c $_" } 'max_parallel_workers_per_gather=0', @settings);

	$session->text(q{SELECT dns_lookup('ip-10-1-2-3.dyn.example', 4)});
	is($session->text($sql), $expected, $sql);
	my $most = $session->status('VmHWM') - $session->status('RssFile') - $session->status('RssShmem');
	is_deeply([ $session->inet_sockets ], [], '... no socket is left');
	$session->close;
	return $most;
}

foreach (
	[ 'scalar', ROWS, 'SELECT count(dns_lookup(h.n, 4)) FROM hosts h' ],
	[ 'LATERAL', ROWS / 2, 'SELECT count(*) FROM hosts h, LATERAL dns_a(h.n) a' ],
	[ 'chained', ROWS / 2, 'SELECT count(*) FROM hosts h, LATERAL dns_ptr(h.ip) p, LATERAL dns_a(p.ptrdname) a' ])
{
	my ($what, $rows, $sql) = @$_;
	my ($half, $all) = map { most("$sql WHERE h.id <= $_", $_, 'work_mem=1MB') } $rows / 2, $rows;

	Session::costs_less($all - $half, MAX_GROWTH, "$what: memory of all rows and of half of them");
	note(sprintf '%s: %d kB for %d rows, %d kB for %d', $what, $half, $rows / 2, $all, $rows);
}

# rows of 2.5 kB, 50 MB in all: as many are kept as fit into work_mem
{
	my $sql = 'SELECT count(h.w), count(dns_lookup(h.n, 4)) FROM wide h';

	$setup->text($_) foreach 'CREATE TABLE wide (id int, ip inet, n text, w text)', 'ALTER TABLE wide ALTER w SET STORAGE PLAIN',
	  'INSERT INTO wide SELECT id, ip, n, repeat(n, 100) FROM hosts WHERE id <= 20000', 'ANALYZE wide';
	like($setup->text("EXPLAIN $sql"), qr/DnsLookahead/, 'wide rows: the node');
	my ($small, $large) = map { most($sql, '20000|20000', "work_mem=$_", 'pgcares.max_in_flight=16') } '1MB', '64MB';

	note("work_mem 1 MB: $small kB, 64 MB: $large kB");
  SKIP:
	{
		skip 'memory is not measured under a checker', 1 if $ENV{PGCARES_WATCHED};
		cmp_ok($small, '<', 20 * 1024, 'work_mem bounds the rows');
	}
}

# the nodes of a statement share the memory: rows of 2.5 kB, of which each node keeps some
{
	my $wide = '(SELECT n, ip, w FROM wide WHERE id <= 3000 OFFSET 0) h';

	$wide = "(SELECT n, ip, w, dns_lookup(n, 4) AS a$_ FROM $wide WHERE dns_reverse(ip) IS NOT NULL OFFSET 0) h" foreach 1 .. 3;
	my $plan = $setup->text("SET work_mem = '1MB'; SET max_parallel_workers_per_gather = 0; EXPLAIN (ANALYZE) SELECT count(w) FROM $wide");
	my @rows = $plan =~ /Rows Ahead: (\d+)/g;
	my $sum = sum(@rows);

	cmp_ok(scalar @rows, '>=', 3, 'several nodes');
	cmp_ok($sum * 2500, '<=', 2 * 1024 * 1024, '... keep as many rows as one could');
	cmp_ok((sort { $a <=> $b } @rows)[0], '>', 20, '... and each keeps some');
	note("rows of the nodes: @rows");
	$setup->text('RESET work_mem; RESET max_parallel_workers_per_gather');
}

# 750 partitions of 20 rows: one node for all, with as many lookups at a time as for a table
{
	$setup->text($_) foreach 'CREATE TABLE parted (id int, ip inet, n text) PARTITION BY RANGE (id)',
	  q{DO $$ BEGIN FOR i IN 0 .. 749 LOOP EXECUTE format('CREATE TABLE parted_%s PARTITION OF parted FOR VALUES FROM (%s) TO (%s)', i, i * 20, i * 20 + 20); END LOOP; END $$},
	  'INSERT INTO parted SELECT id - 1, ip, n FROM hosts WHERE id <= 15000', 'ANALYZE parted';
	my %flight;
	foreach ([ 'LATERAL', 'SELECT a.address FROM parted h, LATERAL dns_a(h.n) a' ], [ 'partitions', 'SELECT dns_lookup(h.n, 4) FROM parted h' ])
	{
		my ($what, $sql) = @$_;
		my $session = Session->new($node, options => '-c max_parallel_workers_per_gather=0 -c pgcares.max_in_flight=2000');
		my $plan = $session->text("EXPLAIN (ANALYZE) $sql");
		my @nodes = $plan =~ /Started: (\d+) .*In Flight: (\d+)/g;

		is_deeply([ $nodes[0], scalar @nodes ], [ 15000, 2 ], "$what: one node asks all");
		$flight{$what} = $nodes[1];
		note("$what: $1 ms, $nodes[1] in flight") if $plan =~ /Execution Time: (\S+)/;
	}
	cmp_ok($flight{partitions}, '>=', 100, 'lookups of many partitions are in flight together');
}

# wide rows: with 64 kB of memory, rows of 100 kB go one by one, and none is missing
is($setup->text(q{SET work_mem = '64kB'; SELECT count(dns_lookup(n, 4)), sum(length(w)) FROM (SELECT n, repeat('x', 100000 + id) AS w FROM hosts WHERE id <= 50 OFFSET 0) h}),
	'50|' . (50 * 100000 + 50 * 51 / 2), 'rows larger than the memory');
$setup->text('RESET work_mem');

# The memory that many statements leave
{
	# the peak of malloc'd memory, which stays, depends on the number in flight
	my $session = Session->new($node, options => '-c pgcares.max_in_flight=16');
	my $memory = sub {
		my $contexts = $session->text('SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts');
		return ($session->status('RssAnon'), $contexts);
	};
	my $run = sub { $session->text('SELECT count(*) FROM hosts h, LATERAL dns_a(h.n) a WHERE h.id <= 5000') foreach 1 .. $_[0] };

	$run->(10);
	my $descriptors = $session->descriptors;
	my @before = $memory->();
	$run->(20);
	my @after = $memory->();
	Session::costs_less($after[0] - $before[0], MAX_LEFT, 'many times: memory of the process');
	cmp_ok($after[1] - $before[1], '<', MAX_LEFT, '... memory contexts');
	is_deeply($session->descriptors, $descriptors, '... descriptors');
	is($session->text(q{SELECT count(*) FROM pg_backend_memory_contexts WHERE name ~ 'look-ahead'}), 0, '... no context of look-ahead');
}

done_testing();
