# Runs random statements with look-ahead and without, and tests that they have the same
# effect and leave nothing behind.
#
#   Trial::run(1, 2);     the first half of them
#
# The options are those of test/t/lookahead_fuzz.pl.

package Trial;

use strict;
use warnings;
use Getopt::Long;
use PostgreSQL::Test::Cluster;
use Test::More;
use NameServer;
use Pair;
use Session;
use Statements;

# Number of statements; statements between two checks for leftovers; one of how many is
# explained; number of differences that are shown
use constant { ALL => $ENV{PGCARES_WATCHED} ? 400 : $ENV{PGCARES_DEEP} ? 20000 : 2000, BATCH => 100, EXPLAIN_EVERY => 5, MAX_SHOWN => 10 };

# The memory, in kB, that a session can hold after look-ahead beyond that without
use constant MAX_GROWTH => 1024;

# A share of all statements, or those of the options
sub run
{
	my ($share, $shares) = @_;
	my $self = bless { seed => 'pgcares', tolerate => [], different => 0, explained => 0, looked_ahead => 0, kinds => {} };

	GetOptions($self, 'count=i', 'seed=s', 'first=i', 'show', 'tolerate=s@') or die "see the begin of test/t/lookahead_fuzz.pl\n";
	my $count = $self->{count} // ALL / $shares;
	my $first = $self->{first} // 1 + ($share - 1) * $count;
	my $knot = NameServer->knot;
	$Calls::server = $knot->address;
	my $node = Session->cluster([$knot], "pgcares.domains = 'shop.example, all.example'", 'pgcares.tries = 2', 'jit = off',
		'max_worker_processes = 16', 'max_parallel_workers = 16', 'track_activities = off');

	$self->{pair} = Pair->new($node, tolerate => $self->{tolerate});
	$self->{major} = int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000);
	$self->check_the_check if !defined $self->{first};
	note("statements $first to " . ($first + $count - 1) . " of the seed \"$self->{seed}\"");
	my @left;
	foreach my $number ($first .. $first + $count - 1)
	{
		$self->try_statement($number);
		push @left, map { "up to statement $number: $_" } $self->{pair}->left if $number % BATCH == 0 || $number == $first + $count - 1;
	}
	$self->verdict($count, @left);
	done_testing();
}

# A test that sees nothing would pass: so it must see each kind of difference.
sub check_the_check
{
	my ($self) = @_;
	local $self->{pair}{tolerate} = {};

	foreach my $kind (
		[ rows => 'SELECT current_setting($$pgcares.lookahead$$)' ],
		[ notices => q{DO 'BEGIN RAISE NOTICE $$%$$, current_setting($$pgcares.lookahead$$); END'} ],
		[ errors => q{DO 'BEGIN RAISE $$%$$, current_setting($$pgcares.lookahead$$); END'} ],
		[ order => q{SELECT g FROM generate_series(1, 2) g ORDER BY CASE current_setting('pgcares.lookahead') WHEN 'on' THEN g ELSE -g END} ],
		[ log => q{INSERT INTO log (what) SELECT current_setting('pgcares.lookahead')} ],
		[ sequences => q{SELECT count(nextval('counted')) FROM generate_series(1, length(current_setting('pgcares.lookahead')))} ],
		[ advisory_locks => q{SELECT pg_try_advisory_lock(length(current_setting('pgcares.lookahead')))} ],
		[ settings => q{DO $$BEGIN PERFORM set_config('fuzz.a', current_setting('pgcares.lookahead'), false); END$$} ],
		[ row_locks => q{SELECT FROM queue WHERE id = 2 OR (id = 3 AND current_setting('pgcares.lookahead') = 'on') FOR UPDATE SKIP LOCKED} =~ s/^SELECT FROM/SELECT count(*) FROM (SELECT FROM/r . ') AS q' ],
		[ questions => q{DO $$BEGIN PERFORM dns_lookup(name, 4, 'ignore') FROM few WHERE current_setting('pgcares.lookahead') = 'on'; END$$} ])
	{
		my ($what, $sql) = @$kind;
		isnt($self->{pair}->difference({ settings => [], sql => $sql, compare => 'exact', called => 0, shape => 'none' }), '', "a difference of $what is one");
	}
	$self->{pair}{tolerated} = {};
}

sub try_statement
{
	my ($self, $number) = @_;
	my $pair = $self->{pair};
	my $statement = Statements->random("$self->{seed}/$number", $self->{major});

	note("statement $number\n$statement->{sql}") if $self->{show};
	my $difference = $pair->difference($statement);
	$self->report($number, $statement, $difference) if $difference ne '' && ++$self->{different} <= MAX_SHOWN;
	$self->{kinds}{$_}++ foreach $statement->kinds;
	return if $number % EXPLAIN_EVERY;

	my $calls_ahead = $pair->calls_ahead($statement) // return;
	$self->{explained}++;
	$self->{looked_ahead}++ if $calls_ahead;
}

# A statement that differs, in lines that can be pasted into psql
sub report
{
	my ($self, $number, $statement, $difference) = @_;

	diag("statement $number of the seed \"$self->{seed}\" ($statement->{shape}, compared $statement->{compare}):\n"
		  . join('', map { "SET $_;\n" } @{ $statement->{settings} }) . "$statement->{sql}\n$difference");
}

sub verdict
{
	my ($self, $count, @left) = @_;
	my $pair = $self->{pair};
	my %counts = (rows => 0, slow => 0, %{ $pair->{counts} });

	note(join ', ', map { "$counts{$_} $_" } sort keys %counts);
	note(join ', ', map { "$pair->{states}{$_} of $_" } sort keys %{ $pair->{states} });
	note(join ', ', map { "$self->{kinds}{$_} $_" } sort keys %{ $self->{kinds} });
	note("$self->{looked_ahead} of $self->{explained} plans look ahead");
	foreach my $kind (sort keys %{ $pair->{tolerated} })
	{
		my $shapes = $pair->{tolerated}{$kind};
		note("$kind: " . join ', ', map { "$shapes->{$_} $_" } sort keys %$shapes);
	}
	is($self->{different}, 0, "$count statements: the same with look-ahead and without");
	is(join("\n", @left), '', '... and nothing is left');
	cmp_ok($pair->memory('ahead') - $pair->memory('plain'), '<', MAX_GROWTH, '... nor any memory');
	return if $count < 100;
	cmp_ok($counts{rows}, '>', $count / 2, 'most of them give rows');
	cmp_ok($counts{slow}, '<', $count / 50, '... and few take too long');
	cmp_ok($self->{looked_ahead}, '>', $self->{explained} / 2, '... and most of those that are explained look ahead');
}

1;
