# Property: each statement of test/lookahead/analyst, as an analyst would write it, has the
# same rows and questions with look-ahead as without, and has the node where the file says.
# With PGCARES_ANALYST_MODE=delay5, each answer takes 5 ms, and the log shows the gain.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use NameServer;
use Session;

my $server = NameServer->misbehaving(mode => $ENV{PGCARES_ANALYST_MODE} // 'normal');
my $node = Session->cluster([$server], 'jit = off', 'max_parallel_workers_per_gather = 0', "pgcares.deadline = '5min'");
my $setup = Session->new($node);
my $directory = "$FindBin::Bin/../lookahead";
my ($head, @statements) = split /^=== (.*)\n/m, slurp_file("$directory/analyst");
my $version = int($setup->text('SHOW server_version_num') / 10000);

$setup->text(slurp_file("$directory/analyst.sql"));
my $has_foreign = $setup->sqlstate('CREATE EXTENSION postgres_fdw') eq '00000';
$setup->text($_) foreach !$has_foreign ? () : (
	sprintf(q{CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname 'postgres')}, $node->host, $node->port),
	'CREATE USER MAPPING FOR PUBLIC SERVER here',
	q{CREATE FOREIGN TABLE remote_hosts (id int, name text) SERVER here OPTIONS (table_name 'hosts')});

my $has_xml = $setup->sqlstate('SELECT xmlelement(name here)') eq '00000';
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
	return $plan =~ /DnsLookahead/ ? 'ahead' : 'not ahead';
}

while (my ($title, $sql) = splice @statements, 0, 2)
{
	my ($name, $node_there, $more, $from) =
	  $title =~ /^(.*): (ahead|not ahead)(?:, at most (\d+) more)?(?:, from (\d+))?$/ or die "cannot read \"$title\"\n";

	$sql =~ s/^#.*\n//mg;
	$sql =~ s/SERVER/$server->address/ge;
	next if $version < ($from // 0) || ($sql =~ /xmlelement|xmlforest/ && !$has_xml) || ($sql =~ /remote_hosts/ && !$has_foreign);

	my ($rows, $asked, $time) = run($with{off}, $sql);
	my ($rows_ahead, $asked_ahead, $time_ahead) = run($with{on}, $sql);
	my %names = map { $_ => 1 } @$asked;
	my @others = grep { !$names{$_} } @$asked_ahead;

	unlike($rows, qr/^[0-9A-Z]{5}: /, "$name: no error");
	is($rows_ahead, $rows, '... the rows');
	cmp_ok(scalar(@$asked_ahead), '<=', @$asked + ($more // 0), '... the questions');
	is("@others", '', '... and no others') if !$more;
	is(has_node($with{on}, $sql), $node_there, '... the node');
	note(sprintf '%s: %d and %d questions, %.0f and %.0f ms', $name, scalar @$asked, scalar @$asked_ahead, 1000 * $time, 1000 * $time_ahead);
	$tried++;
	$gain++ if $time_ahead * 3 < $time;
}
note("$gain of $tried take less than a third of the time with look-ahead");
cmp_ok($tried, '>=', 56, 'statements');
done_testing();
