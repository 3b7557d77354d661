# Property: a statement of test/lookahead/corners has the same rows in the same order,
# notices and error with look-ahead as without. It asks at most twice as many questions and
# a few more, unless an error ends it.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Analyst;
use NameServer;
use Session;

# Questions beyond twice as many: one for each call that is perhaps not made
use constant FEW => 3;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'jit = off', 'max_parallel_workers_per_gather = 0');
my $analyst = Analyst->new($node, $server->address, rows => 30);
my (undef, undef, $setup, @parts) = split /^=== (.*)\n/m, slurp_file("$FindBin::Bin/../lookahead/corners") =~ s/^#.*\n//mgr;

my $made = Session->new($node)->query("$setup; ANALYZE");
die "$made->{error}{M}\n" if $made->{error};

my %with = map { $_ => Session->new($node, options => "-c pgcares.lookahead=$_") } qw(off on);
$_->text(q{SELECT dns_lookup('first.example', 4)}) foreach values %with;

# All that can be seen of a statement, whether it fails, and the number of questions
sub run
{
	my ($session, $sql) = @_;
	$server->forget;
	my $result = $session->query("BEGIN; $sql");
	my $asked = $server->count;

	$session->text($_) foreach 'ROLLBACK', 'DEALLOCATE ALL', 'DISCARD PLANS';
	return ((join "\n", (map { join '|', map { $_ // '\N' } @$_ } @{ $result->{rows} }), (map { "notice: $_->{M}" } @{ $result->{notices} }),
			$result->{error} ? "$result->{error}{C}: $result->{error}{M}" : ()), $result->{error} ? 1 : 0, $asked);
}

while (my ($name, $sql) = splice @parts, 0, 2)
{
	$sql =~ s/SERVER/$server->address/ge;
	my ($plain, $failed, $asked) = run($with{off}, $sql);
	my ($ahead, undef, $asked_ahead) = run($with{on}, $sql);

	is($ahead, $plain, $name);
	cmp_ok($asked_ahead, '<=', 2 * $asked + FEW, '... the questions') if !$failed;
	note("$asked and $asked_ahead questions" . ($failed ? ', ' . (split /\n/, $plain)[-1] : ''));
}
is_deeply([ $_->inet_sockets ], [], 'no socket is left') foreach values %with;

done_testing();
