# Property: in a parallel plan no process reads many more rows ahead than it can ask for,
# and leaves the others to the other processes.
# Alone: each process needs its share of the processors, too.

use strict;
use warnings;
use List::Util qw(max sum);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use NameServer;
use Session;

# Each process has 20 questions in flight, which take 20 ms: 1000 a second.
use constant { ROWS => 4000, PROCESSES => 5, MOST => 1.5 };

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'jit = off', 'max_worker_processes = 8', 'max_parallel_workers = 8', 'pgcares.max_in_flight = 20');
my $session = Session->new($node);

$session->text($_) foreach
  sprintf(q{CREATE TABLE hosts AS SELECT i AS id, 'delay20.h' || i || '.example' AS n FROM generate_series(1, %d) i}, ROWS),
  'ALTER TABLE hosts SET (parallel_workers = 4)', 'ANALYZE',
  'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 4';

my $began = time;
my $plan = $session->text('EXPLAIN (ANALYZE, VERBOSE) SELECT count(dns_lookup(n, 4)) FROM hosts');
my $parallel = time - $began;
my ($node_text) = $plan =~ /(\S[^\n]*DnsLookahead.*?)->  Parallel Seq Scan/s;
my @rows = ($node_text // '') =~ /Worker \d+:\s+actual time=\S+ rows=(\d+)/g;

is(scalar @rows, PROCESSES - 1, 'the workers run the node');
push @rows, ROWS - sum(@rows);
cmp_ok(max(@rows), '<=', MOST * ROWS / PROCESSES, 'no process has many more rows than its share');
note("rows of the processes: @rows");

$session->text('SET max_parallel_workers_per_gather = 0');
$began = time;
is($session->text(q{SELECT count(dns_lookup(replace(n, '.h', '.g'), 4)) FROM hosts}), ROWS, 'one process: the rows');
my $alone = time - $began;
note(sprintf '%d processes %.2f s, one %.2f s', PROCESSES, $parallel, $alone);

done_testing();
