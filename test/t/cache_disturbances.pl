# The cache and the counts of all sessions bear what an administrator does to them: cancels at
# any moment, settings that change under load, the least and the largest memory, workers of a
# parallel query, a standby. No answer is wrong, no memory is lost, and each query is counted.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use NameServer;
use Session;

use constant { SESSIONS => 10, ROUNDS => $ENV{PGCARES_DEEP} ? 200 : 25, CAPACITY => 512 * 1024 / 256 };

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "shared_preload_libraries = 'pgcares'", 'pgcares.cache = on', "pgcares.cache_size = '512kB'",
	"pgcares.shared_memory_size = '1MB'", "pgcares.timeout = '5s'", 'max_worker_processes = 8', 'wal_level = replica', 'max_wal_senders = 4', 'autovacuum = on',
	'autovacuum_naptime = 1');
my $session = Session->new($node);
srand(my $seed = time);
note("seed $seed");

# TXT records tell the number of the host
my $wrong = q{SELECT count(*) FROM (SELECT n, 'host' || n || '.d' || n % 3 || '.example' AS name FROM generate_series(%d, %d) n) s, LATERAL %s r
	WHERE %s IS DISTINCT FROM 'host ' || n};
my @ways = ([ "dns_txt(s.name, 'ignore')", 'txt' ], [ q{dns_query_many(ARRAY[s.name], 'TXT')}, q{trim('"' FROM rdata)} ]);

sub statement
{
	my $from = 1 + int rand 3000;
	return sprintf $wrong, $from, $from + 300, @{ $ways[ rand @ways ] };
}

# How many answers the cache holds when it is full
sub capacity
{
	$session->text('SELECT dns_cache_flush()');
	$session->text(q{SELECT FROM dns_query_many(ARRAY(SELECT 'host' || n || '.full.example' FROM generate_series(1, 4000) n), 'TXT')});
	return $session->text('SELECT count(*) FROM dns_cache');
}

sub memory_of
{
	my ($of) = @_;
	return $of->text('SELECT sum(total_bytes) FROM pg_backend_memory_contexts');
}

# ---- Cancels at random

{
	my @sessions = map { Session->new($node) } 1 .. SESSIONS;
	my $full = capacity();
	my (@before, @results);
	my $cancelled = 0;

	cmp_ok($full, '>=', CAPACITY / 2, 'a full cache');
	foreach my $round (1 .. ROUNDS)
	{
		$_->send(statement()) foreach @sessions;
		usleep(rand 60_000);
		$session->text('SELECT pg_cancel_backend(' . $_->pid . ')') foreach @sessions;
		foreach my $result (map { $_->result } @sessions)
		{
			my $state = Session::sqlstate_of($result);

			$cancelled++ if $state eq '57014';
			push @results, $state eq '00000' ? $result->{rows}[0][0] : $state;
		}
		@before = map { memory_of($_) } @sessions if $round == int(ROUNDS / 2);
	}
	is(join(' ', grep { $_ !~ /^(0|57014)$/ } @results), '', 'cancels at random: no wrong answer, and no other error');
	cmp_ok($cancelled, '>=', SESSIONS, "... $cancelled were cancelled");
	my @after = map { memory_of($_) } @sessions;
	is(join(' ', grep { $after[$_] - $before[$_] > 256 * 1024 } 0 .. $#after), '', '... no session grows');
	is(join(' ', map { $_->result->{rows}[0][0] } map { $_->send(statement()); $_ } @sessions), join(' ', (0) x SESSIONS), '... all go on');
	cmp_ok(abs(capacity() - $full), '<=', $full / 20, '... and the cache has as much room as before');
	is($session->text('SELECT coalesce(sum(in_flight), 0) FROM dns_stat_servers') . $session->text('SELECT count(*) FROM dns_stat_progress'), '00', '... nothing is in flight');
	is($session->text('SELECT sum(queries) FROM dns_stat_servers'), $server->count, '... and each query is counted');
	$_->close foreach @sessions;
}

# ---- Settings that change under load

{
	my @sessions = map { Session->new($node) } 1 .. 4;
	my @changes = map { "ALTER SYSTEM SET pgcares.$_" } 'cache = off', 'cache = on', "cache_max_ttl = '1s'", "cache_max_ttl = '1d'", 'dnssec = on', 'dnssec = off',
	  'cache_max_negative_ttl = 0', 'edns = off', 'edns = on', 'trust_ad = on', 'trust_ad = off', 'max_in_flight = 5', 'max_in_flight = 1000', 'max_in_flight_total = 7', 'max_in_flight_total = 0';
	my @wrong;

	foreach my $round (1 .. 5)
	{
		$_->send('SET pgcares.lookahead = ' . ($round % 2 ? 'on' : 'off') . "; " . statement()) foreach @sessions;
		foreach my $change (sort { rand() <=> 0.5 } @changes)
		{
			$session->text($change);
			$session->text('SELECT pg_reload_conf()');
		}
		push @wrong, map { Session::sqlstate_of($_) . ' ' . $_->{rows}[0][0] } map { $_->result } @sessions;
	}
	is(join(', ', grep { $_ ne '00000 0' } @wrong), '', 'settings that change under load: no wrong answer, and no error');
	$session->text('ALTER SYSTEM RESET ALL');
	$session->text('SELECT pg_reload_conf()');
	$_->close foreach @sessions;
}

# ---- Workers of a parallel query

{
	$session->text($_) foreach 'CREATE TABLE hosts AS SELECT n, format($$sound.%s.parallel.example$$, n % 500) AS name FROM generate_series(1, 5000) n',
	  'ANALYZE hosts', 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2; SET pgcares.lookahead = off';
	$session->text('SELECT dns_cache_flush()');
	$session->text('SELECT dns_stat_reset()');
	$server->forget;
	my $sql = q{SELECT count(*) FROM hosts WHERE dns_lookup(name, 4) = '192.0.2.1'};
	my $plan = $session->text("EXPLAIN (ANALYZE, COSTS OFF) $sql");
	like($plan, qr/Workers Launched: [12]/, 'a parallel query');
	is($session->text($sql), 5000, '... has all answers');
	my $asked = $server->count;
	cmp_ok($asked, '<=', 500 * 3, '... its processes share them');
	is($session->text('SELECT sum(queries) FROM dns_stat_servers'), $asked, '... and each query is counted when they have ended');
	is($session->text(q{SELECT count(*) FROM dns_stat_progress}), 0, '... and none is at work');
	$session->text('RESET ALL');
}

# A process of the server that asks nobody has the library too.
$session->text($_) foreach 'CREATE INDEX ON hosts (dns_to_ascii(name))', 'UPDATE hosts SET n = n + 1', 'ALTER TABLE hosts SET (autovacuum_analyze_threshold = 1, autovacuum_analyze_scale_factor = 0)', 'UPDATE hosts SET n = n + 1';
ok($node->poll_query_until('postgres', q{SELECT last_autoanalyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'hosts'}), 'autovacuum works');

# ---- A standby: a cache and counts of its own

{
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$node->backup('copy');
	$standby->init_from_backup($node, 'copy', has_streaming => 1);
	$standby->start;
	my $reader = Session->new($standby);

	$session->text(q{SELECT dns_cache_flush(); SELECT dns_stat_reset(); SELECT FROM dns_a('sound.standby.example')});
	$server->forget;
	is($reader->text('SELECT count(*) FROM dns_cache'), 0, 'a standby: a cache of its own');
	$reader->text(q{SELECT FROM dns_a('sound.standby.example')}) foreach 1, 2;
	is($server->count, 1, '... keeps answers');
	is($reader->text('SELECT question, hits FROM dns_cache'), 'sound.standby.example|1', '... and shows them');
	is($reader->text('SELECT sum(queries) FROM dns_stat_servers'), 1, '... counts');
	is($reader->text('SELECT dns_cache_flush()'), 1, '... forgets');
	is($reader->sqlstate('SELECT dns_stat_reset()'), '00000', '... resets its counts');
	is($session->text('SELECT sum(queries) FROM dns_stat_servers'), 1, '... and not those of the primary');
	$standby->promote;
	$reader = Session->new($standby);
	is($reader->text(q{SELECT host(address) FROM dns_a('sound.standby.example')}), '192.0.2.1', '... and works when it is promoted');
	$reader->close;
	$standby->stop;
}

# ---- The least and the largest sizes

foreach my $sizes ([ 'least', 'least' ], [ 'largest', 'least' ], [ '1000kB', 'least' ], [ 'least', '64MB' ])
{
	my ($cache, $memory) = @$sizes;
	my %bound = map { $_ => $session->text("SELECT " . ($_ =~ /max/ ? 'max_val' : 'min_val') . " FROM pg_settings WHERE name = 'pgcares." . ($_ =~ /cache/ ? 'cache_size' : 'shared_memory_size') . "'") }
	  qw(cache_min cache_max memory_min);

	$session->close;
	$node->append_conf('postgresql.conf', 'pgcares.cache_size = ' . ($cache eq 'least' ? $bound{cache_min} : $cache eq 'largest' ? $bound{cache_max} : "'$cache'"));
	$node->append_conf('postgresql.conf', 'pgcares.shared_memory_size = ' . ($memory eq 'least' ? $bound{memory_min} : "'$memory'"));
	$node->restart;
	$session = Session->new($node);
	is($session->text(statement()), 0, "cache_size $cache, shared_memory_size $memory: no wrong answer");
	cmp_ok($session->text('SELECT count(*) FROM dns_cache'), '>=', 300, '... and answers are kept');
	cmp_ok(capacity(), '<=', ($memory eq 'least' ? 1024 : 512) * 1024 / 256 * 1.1, '... as many as there is room for');
}

done_testing();
