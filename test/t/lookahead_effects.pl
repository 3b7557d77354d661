# Property: look-ahead changes no effect of a statement, and asks no more questions than
# the statement does by itself, or a few more if it can stop early. Each statement of
# test/lookahead/side_effects stands for a kind.

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
my $node = Session->cluster([$server], 'jit = off', 'max_parallel_workers_per_gather = 0', 'track_activities = off');
my $pair = Pair->new($node, tables => 'lookahead/side_effects.sql', patience => 60000);
my ($head, @cases) = split /^=== (.*)\n/m, slurp_file("$FindBin::Bin/../lookahead/side_effects");

# The server counts the questions.
$server->forget;
is($pair->difference(statement('SELECT dns_lookup(name, 4) FROM ten')), '', 'ten lookups');
is($server->count, 20, '... are ten questions of each session');
is($pair->{asked}{$_}{questions}, 10, "... which count ten, $_") foreach qw(plain ahead);

while (my ($title, $text) = splice @cases, 0, 2)
{
	my ($name, $questions, $most, $state, $portal) =
	  $title =~ /^(.*): (\d+) questions(?:, at most (\d+))?(?:, error (\w{5}))?(?:, portal ([\w ]+))?$/ or die "cannot read \"$title\"\n";

	$text =~ s/^#.*\n//mg;
	$text =~ s/\s+$//;
	my $statement = statement($text, most => $most // $questions, steps => defined $portal ? [ steps($text, split ' ', $portal) ] : undef);
	is($pair->difference($statement), '', $name) or diag($text);
	note(asked_text());
	is(Session::sqlstate_of($pair->{results}{plain}), $state // '00000', '... the SQLSTATE without look-ahead');
	is($pair->{asked}{plain}{questions}, $questions, '... the questions without look-ahead');
}
is(join("\n", $pair->left), '', 'nothing is left');

# A statement in the form of Statements.pm
sub statement
{
	my ($sql, %more) = @_;
	return { settings => [], sql => $sql, compare => 'exact', called => 1, shape => 'listed', %more };
}

# The steps that run a query in a portal and read it piece by piece
sub steps
{
	my ($query, @steps) = @_;
	my $update = q{UPDATE queue SET state = 'current' WHERE CURRENT OF p RETURNING id, state};

	@steps = map { $_ eq 'update' ? [ run => $update ] : [ execute => 'p', $_ ] } @steps;
	return ([ run => 'BEGIN' ], [ parse => 's', $query ], [ bind => 'p', 's' ], @steps, [ close => 'p' ], [ run => 'ROLLBACK' ]);
}

sub asked_text
{
	return join ', ', map { "$pair->{asked}{$_}{questions} questions $_" } qw(plain ahead);
}

done_testing();
