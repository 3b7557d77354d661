# Property: rows of a plan node of another extension are read ahead if the extension states
# that its node can run in a parallel worker, and calls in its columns and condition move
# up if it leaves these to the server. Otherwise a reason is told. Rows, errors and questions
# are those without look-ahead. The node is that of test/lookahead/other_scan.c.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $folder = PostgreSQL::Test::Utils::tempdir;
chomp(my $headers = `pg_config --includedir-server`);
system($ENV{CC} // 'gcc', '-shared', '-fPIC', '-O1', "-I$headers", '-o', "$folder/other_scan.so", "$FindBin::RealBin/../lookahead/other_scan.c") == 0
  or BAIL_OUT('cannot build other_scan.so');

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'jit = off', "session_preload_libraries = '$folder/other_scan.so'");
my $setup = Session->new($node);

$setup->text($_) foreach
  (map { "CREATE TABLE ${_}_hosts AS SELECT i AS id, 'h' || i || '.example' AS name, 20 - i AS n FROM generate_series(1, 40) i" } qw(safe plain hidden)),
  q{CREATE FUNCTION own(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN name; END'},
  q{CREATE FUNCTION wrote(name text) RETURNS text LANGUAGE plpgsql VOLATILE AS 'BEGIN RAISE NOTICE $$wrote %$$, name; RETURN name; END'},
  'CREATE SEQUENCE s', 'ANALYZE';

my %with = map { my $way = $_; $way => Session->new($node, options => "-c pgcares.lookahead=$way") } qw(off on);

sub seen
{
	my ($session, $sql) = @_;
	$server->forget;
	my $result = $session->query($sql);

	return (join("\n", (map { join '|', map { $_ // '\N' } @$_ } @{ $result->{rows} }), (map { "notice: $_->{M}" } @{ $result->{notices} }),
			$result->{error} ? "$result->{error}{C}: $result->{error}{M}" : ()), $server->count, $result->{error});
}

# The statement's table is safe, plain or hidden: what each has instead of the node, or
# '' for the node
my $computes = 'a foreign table or another extension computes it';
my $all = { safe => '', plain => $computes, hidden => '' };
foreach (
	[ $all, q{SELECT h.id, a.address FROM T h, LATERAL dns_a(h.name, 'ignore') a} ],
	[ $all, q{SELECT sum(family(dns_lookup(h.name, 4, 'ignore'))) FROM T h} ],
	[ $all, q{SELECT h.id, g.id, dns_lookup(h.name || '.' || g.name, 4, 'ignore') FROM T h JOIN T g ON g.id = h.id + 1} ],
	[ $all, q{SELECT h.id, a.address, 1 / n FROM T h, LATERAL dns_a(h.name, 'ignore') a} ],
	[ { %$all, hidden => $computes }, q{SELECT h.id, dns_lookup(h.name, 4, 'ignore') FROM T h WHERE h.id > 4} ],
	[ { %$all, hidden => $computes }, q{SELECT h.id FROM T h WHERE h.id > 4 AND dns_lookup(h.name, 4, 'ignore') IS NOT NULL AND 10 / n < 100} ],
	[ { %$all, hidden => $computes }, q{SELECT h.id, dns_lookup(h.name, 4, 'ignore') FROM T h WHERE 10 / n < 100 LIMIT 7} ],
	[ { (map { $_ => 'to read the rows can raise an error that cannot be held back: own' } qw(safe hidden)), plain => '*' },
		q{SELECT h.id, a.address FROM T h, LATERAL dns_a(h.name, 'ignore') a WHERE own(h.name) <> 'x'} ],
	[ { map { $_ => '*' } qw(safe hidden plain) }, q{SELECT h.id, a.address FROM T h, LATERAL dns_a(h.name, 'ignore') a WHERE wrote(h.name) <> 'x'} ],
	[ { map { $_ => $computes } qw(safe hidden plain) }, q{SELECT nextval('s') > 0, h.id, a.address FROM T h, LATERAL dns_a(h.name, 'ignore') a} ])
{
	my ($instead, $statement) = @$_;

	foreach my $kind (sort keys %$instead)
	{
		my $sql = $statement =~ s/\bT\b/${kind}_hosts/gr;
		my ($plain, $asked, $error) = seen($with{off}, $sql);
		my ($ahead, $asked_ahead) = seen($with{on}, $sql);
		my $plan = $with{on}->text("EXPLAIN (VERBOSE) $sql");
		my $told = $with{on}->query("SET client_min_messages = debug1; EXPLAIN $sql; RESET client_min_messages");
		my ($reason) = map { $_->{M} =~ /no look-ahead for .*?\): (.*)/ ? $1 : () } @{ $told->{notices} };

		is($ahead, $plain, $sql);
		cmp_ok($asked_ahead, '<=', $error ? 40 : $sql =~ /LIMIT/ ? 2 * $asked : $asked, '... the questions');
		like($plan, qr/OtherScan/, '... the other node');
		is($plan =~ /DnsLookahead/ ? '' : $reason // 'no reason', $instead->{$kind} eq '*' ? $reason // 'no reason' : $instead->{$kind},
			$instead->{$kind} eq '' ? '... the look-ahead' : '... the reason');
		isnt($reason // '', '', '... there is one') if $instead->{$kind} eq '*';
	}
}

done_testing();
