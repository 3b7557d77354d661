# Random statements give the same rows, notices and errors with look-ahead as
# without it, and leave nothing behind.
#
#   make installcheck REGRESS= PROVE_TESTS='test/t/050_lookahead_fuzz.pl :: --count 10000 --seed 7'
#
#   --count N     how many statements (2000)
#   --seed TEXT   other ones; by default it is always the same
#   --first N     begin with the Nth of this seed: alone with --count 1
#   --show        print each statement before it runs
#   --tolerate KIND  let this kind of difference through, or "all": see Pair.pm

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../fuzz";
use Getopt::Long;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Pair;
use Session;
use Statements;

# Statements between two looks at what is left; from how many on one is
# explained; how many differences are shown
use constant { BATCH => 100, EXPLAIN_EVERY => 5, MAX_SHOWN => 10 };

# How much more memory, in kB, a session may hold after look-ahead than without
use constant MAX_GROWTH => 1024;

my ($count, $seed, $first, $show, @tolerate) = (2000, 'pgcares', 1, 0);
GetOptions('count=i' => \$count, 'seed=s' => \$seed, 'first=i' => \$first, 'show' => \$show, 'tolerate=s' => \@tolerate) or die "see the begin of $0\n";

my $knot = NameServer->knot;
my $node = Session->cluster([$knot], "pgcares.domains = 'shop.example, all.example'", 'pgcares.tries = 2', 'jit = off',
	'max_worker_processes = 16', 'max_parallel_workers = 16', "track_activities = off");
my $pair = Pair->new($node, tolerate => \@tolerate);
my $major = int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000);
my ($different, $explained, $looked_ahead) = (0, 0, 0);
my @left;

# what tells them apart must be seen
foreach my $kind (
	[ rows => 'SELECT current_setting($$pgcares.lookahead$$)' ],
	[ notices => q{DO 'BEGIN RAISE NOTICE $$%$$, current_setting($$pgcares.lookahead$$); END'} ],
	[ errors => q{DO 'BEGIN RAISE $$%$$, current_setting($$pgcares.lookahead$$); END'} ],
	[ order => q{SELECT g FROM generate_series(1, 2) g ORDER BY CASE current_setting('pgcares.lookahead') WHEN 'on' THEN g ELSE -g END} ])
{
	isnt($pair->difference({ settings => [], sql => $kind->[1], compare => 'exact', called => 1, shape => 'none' }), '', "a difference of $kind->[0] is one");
}

note("$count statements of the seed \"$seed\"");
foreach my $number ($first .. $first + $count - 1)
{
	my $statement = Statements->random("$seed/$number", $major);
	note("statement $number\n$statement->{sql}") if $show;

	my $difference = $pair->difference($statement);
	report($number, $statement, $difference) if $difference ne '' && ++$different <= MAX_SHOWN;
	count_plan($statement) if $number % EXPLAIN_EVERY == 0;
	push @left, map { "up to statement $number: $_" } $pair->left if $number % BATCH == 0 || $number == $first + $count - 1;
}

my %counts = (rows => 0, slow => 0, %{ $pair->{counts} });
note(join ', ', map { "$counts{$_} $_" } sort keys %counts);
note(join ', ', map { "$pair->{states}{$_} of $_" } sort keys %{ $pair->{states} });
note("$pair->{tolerated}{$_->[0]}{$_->[1]} with $_->[0], $_->[1]") foreach map { my $kind = $_; map { [ $kind, $_ ] } sort keys %{ $pair->{tolerated}{$kind} } } sort keys %{ $pair->{tolerated} };
note("$looked_ahead of $explained plans look ahead");
is($different, 0, "$count statements: the same with look-ahead and without");
is(join("\n", @left), '', '... and nothing is left');
cmp_ok($pair->memory('ahead') - $pair->memory('plain'), '<', MAX_GROWTH, '... nor any memory');
if ($count >= 100)
{
	cmp_ok($counts{rows}, '>', $count / 2, 'most of them give rows');
	cmp_ok($counts{slow}, '<', $count / 50, '... and few take too long');
	cmp_ok($looked_ahead, '>', $explained / 2, '... and most of those that are explained look ahead');
}
done_testing();

# A statement that differs, in lines that can be pasted into psql
sub report
{
	my ($number, $statement, $difference) = @_;

	diag("statement $number of the seed \"$seed\" ($statement->{shape}, compared $statement->{compare}):\n"
		  . join('', map { "SET $_;\n" } @{ $statement->{settings} }) . "$statement->{sql}\n$difference");
}

# Count the plans, and those that have the node.
sub count_plan
{
	my ($statement) = @_;
	my $looks_ahead = $pair->calls_ahead($statement) // return;

	$explained++;
	$looked_ahead++ if $looks_ahead;
}
