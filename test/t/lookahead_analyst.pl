# Property: each statement of test/lookahead/analyst, as an analyst would write it, has the
# same rows and questions with look-ahead as without, and has the node where the file says.
# With PGCARES_ANALYST_MODE=delay5, each answer takes 5 ms, and the log shows the gain.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Analyst;
use NameServer;
use Session;

my $server = NameServer->misbehaving(mode => $ENV{PGCARES_ANALYST_MODE} // 'normal');
my $node = Session->cluster([$server], 'jit = off', 'max_parallel_workers_per_gather = 0', "pgcares.deadline = '5min'");
my $analyst = Analyst->new($node, $server->address, rows => 30);

my %with = map { $_ => Session->new($node, options => "-c pgcares.lookahead=$_") } qw(off on);
my ($gain, $tried) = (0, 0);
$_->text(q{SELECT dns_lookup('first.example', 4)}) foreach values %with;

# The rows of a statement in any order, the questions, and the seconds that it takes
sub run
{
	my ($session, $sql) = @_;
	$server->forget;
	my $began = time;
	my $result = $session->query("BEGIN; $sql");
	my $time = time - $began;

	$session->text('ROLLBACK');
	my $rows = $result->{error} ? "$result->{error}{C}: $result->{error}{M}"
	  : join "\n", sort map { join '|', map { $_ // '\N' } @$_ } @{ $result->{rows} };
	return ($rows, [ sort map { "$_->{name} $_->{type}" } $server->log ], $time);
}

# Does the plan of the first statement that is not a SET have the node?
sub has_node
{
	my ($session, $sql) = @_;
	my ($settings, $statement) = $sql =~ /^((?:SET [^;]*;\s*)*)([^;]*)/;

	$session->text("BEGIN; $settings");
	my $plan = $session->text("EXPLAIN (VERBOSE) $statement");
	$session->text('ROLLBACK');
	return $plan =~ /DnsLookahead/ ? 1 : 0;
}

foreach my $statement ($analyst->statements)
{
	my ($name, $sql) = @$statement{qw(name sql)};
	my ($rows, $asked, $time) = run($with{off}, $sql);
	my ($rows_ahead, $asked_ahead, $time_ahead) = run($with{on}, $sql);
	my %names = map { $_ => 1 } @$asked;
	my @others = grep { !$names{$_} } @$asked_ahead;

	unlike($rows, qr/^[0-9A-Z]{5}: /, "$name: no error");
	is($rows_ahead, $rows, '... the rows');
	cmp_ok(scalar(@$asked_ahead), '<=', @$asked + $statement->{more}, '... the questions');
	is("@others", '', '... and no others') if !$statement->{more};
	is(has_node($with{on}, $sql), $statement->{ahead} ? 1 : 0, $statement->{ahead} ? '... the node' : '... no node');
	note(sprintf '%s: %d and %d questions, %.0f and %.0f ms', $name, scalar @$asked, scalar @$asked_ahead, 1000 * $time, 1000 * $time_ahead);
	$tried++;
	$gain++ if $time_ahead * 3 < $time;
}
note("$gain of $tried take less than a third of the time with look-ahead");
cmp_ok($tried, '>=', 56, 'statements');
done_testing();
