#!/usr/bin/perl
#
# Measures the answer cache, and prints a table:
#
#   make installcheck REGRESS= ISOLATION= PROVE_TESTS=bench/cache.pl PROVE_FLAGS=-v
#
# One session: microseconds of a lookup that finds its answer, of the same call with a text
# that is no name, which looks up nothing, and of one that asks an unbound on loopback,
# which has the answer in its own cache. Twenty sessions: lookups a second, by pgbench,
# with and without the cache.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use List::Util qw(min);
use Resolver;
use Session;

use constant { HITS => 100_000, ROUNDS => 5, CLIENTS => 20, SECONDS => 5 };

my $resolver = Resolver->validating;
my $node = Session->cluster([$resolver], "shared_preload_libraries = 'pgcares'", 'max_connections = 50', "work_mem = '64MB'",
	'log_statement = none', 'jit = off');
my $session = Session->new($node);
my $name = 'www.insecure.example';
my %calls = (
	'dns_a' => "SELECT count(r) FROM generate_series(1, %d) n, LATERAL dns_a(substr('NAME', 1 + 0 * n), 'ignore') r",
	'dns_lookup' => "SELECT count(dns_lookup(substr('NAME', 1 + 0 * n), 4, 'ignore')) FROM generate_series(1, %d) n",
	'dns_query_many' => "SELECT count(*) FROM generate_series(1, %d / 1000) n, LATERAL dns_query_many(array_fill(substr('NAME', 1 + 0 * n), ARRAY[1]) || ARRAY(SELECT 'x' || m || '.insecure.example' FROM generate_series(1, 999) m)) r");

# The least microseconds for a call
sub cost
{
	my ($sql, $count) = @_;
	my @times;

	$session->text(sprintf $sql, 1000);
	foreach (1 .. ROUNDS)
	{
		my ($time) = $session->text('EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) ' . sprintf $sql, $count) =~ /Execution Time: ([\d.]+)/;
		push @times, 1000 * $time / $count;
	}
	return min(@times);
}

$session->text('SET pgcares.lookahead = off');
foreach my $call (sort keys %calls)
{
	my ($found, $bad) = map { $calls{$call} =~ s/NAME/$_/r } $name, 'a..b';

	$session->text('SET pgcares.cache = on');
	my @us = (cost($found, HITS), $call =~ /many/ ? () : cost($bad, HITS));
	$session->text('SET pgcares.cache = off');
	push @us, cost($found, HITS / 20);
	note(sprintf '%-16s ' . ($call =~ /many/ ? 'kept %6.2f us, asked %7.2f us' : 'kept %6.2f us, no lookup %6.2f us, asked %7.2f us'), $call, @us);
}

my $script = PostgreSQL::Test::Utils::tempdir . '/lookup.sql';
append_to_file($script, "SELECT * FROM dns_a('$name');\n");
foreach my $cache (qw(on off))
{
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET pgcares.cache = $cache");
	my ($output) = run_command([ 'pgbench', '-n', '-M', 'prepared', '-c', CLIENTS, '-j', 2, '-T', SECONDS, '-f', $script,
			'-h', $node->host, '-p', $node->port, 'postgres' ]);
	my ($rate) = $output =~ /tps = ([\d.]+)/;

	note(sprintf '%d sessions, cache %s: %d lookups a second', CLIENTS, $cache, $rate);
}
ok(1, 'measured');
done_testing();
