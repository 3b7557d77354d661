# A session that asks a resolver whose list of requests is full of names that nobody answers: it drops
# all new questions at once, but no name is lost that it can answer.
# Once: no version of PostgreSQL changes this.
# Alone: it takes a processor to fill the list.

use strict;
use warnings;
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Resolver;
use Session;
use Test::More;

# Names of a session, of which one in so many is dead; requests of the resolver; seconds for a statement
use constant { NAMES => 10000, DEAD_EACH => 10, LIST => 512, LIMIT => 120 };

my $knot = NameServer->knot;
my $node = Session->cluster([$knot], "pgcares.timeout = '2s'");
my %answered = (
	batch => "count(*) FILTER (WHERE status = 'NOERROR') FROM dns_query_many(ARRAY(SELECT n FROM names ORDER BY i), 'A')",
	LATERAL => "count(address) FROM names, LATERAL dns_a(n, 'ignore')");
foreach my $way (sort keys %answered)
{
	my $resolver = Resolver->crowded(LIST, $knot);
	my $session = Session->new($node, options => sprintf '-c statement_timeout=%ds -c pgcares.servers=%s', LIMIT, $resolver->address);

	$session->query(sprintf q{CREATE TEMP TABLE names AS SELECT i, CASE WHEN i %% %d = 0 THEN 'x' || i || '.%s.dead.example'
		ELSE format('ip-10-%d-%%s-%%s.dyn.example', i / 250, i %% 250) END AS n FROM generate_series(1, %d) i}, DEAD_EACH, $way, length $way, NAMES);
	$session->send("SELECT $answered{$way}");
	is($session->result->{rows}[0][0], NAMES - NAMES / DEAD_EACH, "$way: every name is answered that the resolver can answer");
	note("$way: " . $session->text("SELECT string_agg(counter || ' ' || value, ', ') FROM dns_stats() WHERE counter IN ('queries', 'timeouts')"));
	$session->close;
	$resolver->stop;
}
done_testing();
