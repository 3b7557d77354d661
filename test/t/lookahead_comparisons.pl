# Property: look-ahead does not change when, and whether, plan nodes compare rows. Each
# kind of node that compares some with others while it returns rows is below a lookup once,
# with a type whose comparisons are seen, and once more with one that raises.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../fuzz";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Pair;
use Session;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'jit = off', 'max_parallel_workers_per_gather = 0', 'track_activities = off',
	'enable_hashagg = off', 'enable_hashjoin = off', 'enable_nestloop = off', 'enable_seqscan = off', 'enable_sort = off');
my $pair = Pair->new($node, tables => 'lookahead/comparisons.sql', patience => 60000);

# A node, and rows with an id that it computes
my @nodes = (
	[ 'Unique', 'SELECT DISTINCT ON (c) id, name FROM ten ORDER BY c' ],
	[ 'Group', 'SELECT (c).n AS id FROM ten GROUP BY c' ],
	[ 'GroupAggregate', 'SELECT min(id) AS id FROM ten GROUP BY c' ],
	[ 'GroupAggregate', 'SELECT min(id) AS id FROM ten GROUP BY ROLLUP (c, grp)' ],
	[ 'GroupAggregate', 'SELECT grp AS id, count(DISTINCT c) FROM ten GROUP BY grp' ],
	[ 'GroupAggregate', 'SELECT grp AS id, array_agg(id ORDER BY c) FROM ten GROUP BY grp' ],
	[ 'WindowAgg', 'SELECT (rank() OVER (ORDER BY c))::int AS id FROM ten' ],
	[ 'WindowAgg', 'SELECT id FROM (SELECT id, count(*) OVER (PARTITION BY c) AS n FROM ten) x WHERE n > 0' ],
	[ 'Merge Append', 'SELECT id FROM (SELECT * FROM ten UNION ALL SELECT * FROM more) x ORDER BY c' ],
	[ 'Merge Join', 'SELECT ten.id FROM ten JOIN more ON ten.c =# more.c' ],
	[ 'Incremental Sort', 'SELECT id FROM ten ORDER BY grp, c' ],
	[ 'SetOp', 'SELECT (c).n AS id FROM (SELECT c FROM ten EXCEPT SELECT c FROM more WHERE id = 9) x' ],
	[ 'HashSetOp', 'SELECT (c).n AS id FROM (SELECT c FROM ten EXCEPT SELECT c FROM more WHERE id = 9) x', 'enable_hashagg = on, enable_indexscan = off, enable_seqscan = on' ],
	[ 'HashAggregate', 'SELECT min(id) AS id FROM ten GROUP BY c', 'enable_hashagg = on, enable_indexscan = off, enable_seqscan = on' ],
	[ 'Hash Join', 'SELECT ten.id FROM ten JOIN more ON ten.c =# more.c', 'enable_hashjoin = on, enable_mergejoin = off' ],
	[ 'Sort', 'SELECT id FROM ten ORDER BY c', 'enable_sort = on, enable_indexscan = off, enable_seqscan = on' ],
	[ 'Memoize', 'SELECT more.id FROM often JOIN more ON more.c =# often.c',
		'enable_nestloop = on, enable_mergejoin = off, enable_material = off' ],
	[ 'Recursive Union', 'WITH RECURSIVE r (c) AS (SELECT c FROM ten WHERE id < 3 UNION SELECT ROW((c).n + 1)::noisy FROM r WHERE (c).n < 8) SELECT (c).n AS id FROM r',
		'enable_hashagg = on' ]);

foreach (@nodes)
{
	my ($name, $rows, $settings) = @$_;
	my @settings = split /, /, $settings // '';
	my $query = "SELECT id, kept(id), dns_lookup('h' || id || '.test', 4) FROM ($rows OFFSET 0) x";
	my $plan = $pair->{ahead}->text(join ';', 'ROLLBACK', 'BEGIN', (map { "SET LOCAL $_" } @settings), "EXPLAIN (COSTS OFF) $query");

	$pair->{ahead}->text('ROLLBACK');
	like($plan, qr/(?:^| )\Q$name\E(?: Except)?$/m, "$name: is in the plan of $rows");
	foreach my $raises (0, 1)
	{
		my $statement = { settings => [ @settings, "fuzz.b = $raises" ], sql => $query, compare => 'exact', called => 1, shape => 'listed', most => 12 };

		is($pair->difference($statement), '', '... the same' . ($raises ? ', if a comparison raises' : ''));
	}
}

done_testing();
