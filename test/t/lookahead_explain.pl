# Property: EXPLAIN shows the calls that have look-ahead, and with ANALYZE their counters,
# the same in all formats and with parallel workers; without ANALYZE nothing is asked.

use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

use constant ROWS => 200;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '20s'", 'pgcares.tries = 1', 'max_worker_processes = 8',
	'max_parallel_workers_per_gather = 0');
my $session = Session->new($node);
my $zones = 0;

$session->text($_) foreach
  sprintf(q{CREATE TABLE hosts AS SELECT i AS id, 'h' || i || '.example' AS n, repeat('x', 500) AS wide FROM generate_series(1, %d) i}, ROWS),
  'ALTER TABLE hosts SET (parallel_workers = 2)',
  'ANALYZE';

# A statement with the names of a new zone, so that no name was asked before
sub names
{
	my ($sql) = @_;
	$zones++;
	return $sql =~ s/NAME/h.n || '.z$zones.example'/gr;
}

# The look-ahead nodes of a plan, as hashes, the outermost first
sub nodes
{
	my ($sql, $with) = @_;
	my ($plan) = @{ decode_json(($with // $session)->text('EXPLAIN (ANALYZE, FORMAT json) ' . names($sql))) };
	my @left = $plan->{Plan};
	my @nodes;

	while (my $node = shift @left)
	{
		push @nodes, $node if ($node->{'Custom Plan Provider'} // '') eq 'DnsLookahead';
		unshift @left, @{ $node->{Plans} // [] };
	}
	return @nodes;
}

# ---- Formats

my @counters = ('Max Rows Ahead', 'Lookups Started', 'Lookups Shared', 'Lookups Not Used', 'Max In Flight', 'Timeouts', 'Wait Time');
my $select = 'SELECT h.id, a.address FROM hosts h, LATERAL dns_a(NAME) a';

{
	my $text = $session->text('EXPLAIN (ANALYZE) ' . names($select));
	like($text, qr/Custom Scan \(DnsLookahead\).*\(actual .*rows=200/, 'text: the node');
	like($text, qr/^\s+Look-ahead: dns_a\(.*h\.n.*\)$/m, '... the call');
	like($text, qr/^\s+Rows Ahead: \d+  Started: 200  Shared: 0  Not Used: 0  In Flight: \d+  Timeouts: 0  Waited: \d+\.\d+ ms$/m, '... the counters');
	unlike($session->text('EXPLAIN (ANALYZE, TIMING off) ' . names($select)), qr/Waited/, '... no time with TIMING off');
	$server->forget;
	my $plain = $session->text('EXPLAIN ' . names($select));
	like($plain, qr/Look-ahead: dns_a/, 'without ANALYZE: the call');
	unlike($plain, qr/Started/, '... no counters');
	is($server->count, 0, '... and nothing is asked');

	my ($node) = nodes($select);
	is_deeply([ grep { !exists $node->{$_} } 'Look-ahead', @counters ], [], 'JSON: the same');
	is(scalar @{ $node->{'Look-ahead'} }, 1, '... calls are a list');
	is($node->{'Lookups Started'}, ROWS, '... numbers are JSON numbers');
	my $yaml = $session->text('EXPLAIN (ANALYZE, FORMAT yaml) ' . names($select));
	like($yaml, qr/^\s+Look-ahead:\s*\n\s+- "dns_a\(/m, 'YAML: the call');
	like($yaml, qr/^\s+\Q$_\E: [\d.]+\s*$/m, "... $_") foreach @counters;
	my $xml = $session->text('EXPLAIN (ANALYZE, FORMAT xml) ' . names($select));
	like($xml, qr{<Look-ahead>\s*<Item>dns_a\(.*</Item>\s*</Look-ahead>}, 'XML: the call');
	like($xml, qr{<$_>[\d.]+</$_>}, "... $_") foreach map { s/ /-/gr } @counters;
}

# ---- The counters

sub counted
{
	my ($what, $sql, %expected) = @_;
	my ($node) = nodes($sql);

	is_deeply({ map { $_ => $node->{$_} } keys %expected }, \%expected, $what);
	return $node;
}

counted('all rows', $select, 'Lookups Started' => ROWS, 'Lookups Shared' => 0, 'Lookups Not Used' => 0, 'Timeouts' => 0);
counted('two questions for each row', 'SELECT dns_lookup(NAME) FROM hosts h', 'Lookups Started' => 2 * ROWS, 'Lookups Not Used' => 0);
counted('equal names', q{SELECT dns_lookup('n' || h.id % 10 || '.same.example', 4) FROM hosts h}, 'Lookups Started' => 10, 'Lookups Shared' => ROWS - 10);
counted('nothing to ask', q{SELECT dns_lookup(nullif(h.n, h.n), 4) FROM hosts h}, 'Lookups Started' => 0, 'Lookups Shared' => 0);
counted('names that cannot be asked', q{SELECT dns_lookup('192.0.2.' || h.id, 4) FROM hosts h}, 'Lookups Started' => 0);
$session->text("SET pgcares.timeout = '300ms'");
counted('no answer', q{SELECT dns_lookup(CASE WHEN h.id % 100 = 0 THEN 'drop.' ELSE '' END || NAME, 4, 'ignore') FROM hosts h},
	'Timeouts' => 2, 'Lookups Started' => ROWS, 'Lookups Not Used' => 0);
$session->text('RESET pgcares.timeout');

# limits that the counters show
$session->text('SET pgcares.max_in_flight = 7');
counted('seven in flight', $select =~ s/NAME/'delay5.' || NAME/r, 'Max In Flight' => 7, 'Lookups Started' => ROWS);
$session->text('RESET pgcares.max_in_flight');
{
	my ($node) = nodes($select =~ s/NAME/'crowd100.' || NAME/r);
	cmp_ok($node->{'Max In Flight'}, '>=', 100, 'a hundred in flight');
	$session->text("SET work_mem = '64kB'");
	($node) = nodes('SELECT h.id, h.wide, dns_lookup(NAME, 4) FROM hosts h');
	cmp_ok($node->{'Max Rows Ahead'}, '<', ROWS, 'little memory: fewer rows ahead');
	cmp_ok($node->{'Max Rows Ahead'}, '>', 10, '... but some');
	is($node->{'Lookups Started'}, ROWS, '... and all lookups');
	$session->text('RESET work_mem');
	($node) = nodes("$select LIMIT 10");
	cmp_ok($node->{'Lookups Started'}, '<=', 20, 'LIMIT: few lookups');
	is($node->{'Lookups Not Used'}, $node->{'Lookups Started'} - 10, '... of which ten were used');
	($node) = nodes('SELECT h.id, dns_lookup(NAME, 4) FROM hosts h LIMIT 10');
	is($node->{Bound}, 10, 'a bound');
	is($node->{'Lookups Started'}, 10, '... is kept');
	($node) = nodes($select =~ s/NAME/'delay300.' || NAME/r);
	cmp_ok($node->{'Wait Time'}, '>=', 250, 'late answers: the waiting time');
	cmp_ok($node->{'Wait Time'}, '<', 20000, '... is not the sum of all lookups');
}

# a call that is not made uses no answer
counted('a call that is not made', q{SELECT a.address FROM hosts h JOIN LATERAL (SELECT * FROM dns_a(NAME)) a ON true WHERE h.id < 0}, 'Lookups Started' => 0);

# loops
{
	my ($node) = nodes('SELECT g, (SELECT count(*) FROM hosts h, LATERAL dns_a(NAME) a WHERE h.id % 4 = g) FROM generate_series(0, 3) g');
	is($node->{'Actual Loops'}, 4, 'rescans: loops');
	is($node->{'Lookups Started'}, ROWS, '... lookups of all loops');
	is($node->{'Lookups Not Used'}, 0, '... all used');
}

# several nodes, each with its own counters
{
	my @nodes = nodes(q{SELECT a.address FROM hosts h, LATERAL dns_mx(NAME) m, LATERAL dns_a(m.exchange) a});
	is(scalar @nodes, 2, 'one lookup from another: two nodes');
	is_deeply([ map { $_->{'Lookups Started'} } @nodes ], [ ROWS, ROWS ], '... each with its lookups');
	@nodes = nodes('SELECT dns_lookup(NAME, 4) FROM hosts h WHERE dns_lookup(NAME, 4) IS NOT NULL');
	is(scalar @nodes, 2, 'a condition and a column: two nodes');
	is($nodes[1]{'Lookups Started'}, ROWS, '... the first asks');
	is($nodes[0]{'Lookups Started'} + $nodes[0]{'Lookups Shared'}, ROWS, '... the second shares answers or asks');
	like($session->text('EXPLAIN (ANALYZE) SELECT dns_lookup(h.n, 4) FROM hosts h WHERE dns_lookup(h.n, 4) IS NULL'), qr/Filter: \(dns_lookup.*Rows Removed by Filter: 200/s,
		'... rows that fail the condition are counted');
}

# ---- Parallel workers

foreach my $leader ('on', 'off')
{
	my $parallel = Session->new($node, options => join ' ', map { "-c $_" } 'max_parallel_workers_per_gather=2', 'parallel_setup_cost=0',
		'parallel_tuple_cost=0', 'min_parallel_table_scan_size=0', "parallel_leader_participation=$leader");
	my ($node) = nodes($select, $parallel);

	is($node->{'Lookups Started'}, ROWS, "parallel workers, leader $leader: all lookups");
	is($node->{'Lookups Not Used'}, 0, '... all used');
	cmp_ok($node->{'Max Rows Ahead'}, '>', 0, '... rows ahead');
	like($parallel->text('EXPLAIN (ANALYZE, VERBOSE) ' . names($select)), qr/Gather.*Workers Launched: 2.*DnsLookahead.*Started: 200/s, '... in text');
	my @nodes = nodes('SELECT g, (SELECT count(*) FROM hosts h, LATERAL dns_a(NAME) a) FROM generate_series(1, 3) g', $parallel);
	cmp_ok($nodes[0]{'Lookups Started'}, '>=', ROWS, '... also over rescans');
	$parallel->close;
}

# ---- With auto_explain, which has hooks of its own and reads plans while they run

SKIP:
{
	my $auto = Session->new($node, options => join ' ', map { "-c $_" } 'auto_explain.log_min_duration=0', 'auto_explain.log_analyze=on',
		'auto_explain.log_nested_statements=on');
	skip 'auto_explain is not installed', 2 if $auto->sqlstate(q{LOAD 'auto_explain'}) ne '00000';
	is($auto->text('SELECT count(*) FROM (' . names($select) . ') s'), ROWS, 'auto_explain: the rows');
	like(slurp_file($node->logfile), qr/DnsLookahead.*Look-ahead: dns_a.*Started: 200/s, '... the node');
	$auto->close;
}

# ---- Off

$session->text('SET pgcares.lookahead = off');
foreach my $format (qw(text json yaml xml))
{
	unlike($session->text("EXPLAIN (ANALYZE, FORMAT $format) " . names($select) . ' LIMIT 5'), qr/Look-?ahead|DnsLookahead/, "off: nothing in $format");
}

done_testing();
