#!/usr/bin/perl
#
# Compares the statements of test/lookahead/analyst with look-ahead and without, over 200 rows and
# the responder of this folder, which answers after 5 ms:
#
#   make installcheck REGRESS= ISOLATION= PROVE_TESTS=bench/lookahead.pl PROVE_FLAGS=-v
#
# Each line has the milliseconds without and with look-ahead, the least of the rounds, and the
# ratio of both. BENCH_STORE=1 writes them into lookahead.txt, in the current folder's bench/.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use List::Util qw(min);
use Time::HiRes qw(time);
use Analyst;
use Session;

use constant { ROWS => $ENV{BENCH_ROWS} // 200, DELAY => 5, ROUNDS => { off => 1, on => 5 } };

# The responder ends with this process.
my $program = PostgreSQL::Test::Utils::tempdir() . '/responder';
my @compiler = ($ENV{CC} // 'gcc', '-O2', '-o', $program, map { "$FindBin::Bin/$_.c" } qw(responder answer));

system(@compiler) == 0 or die "cannot compile the responder\n";
my $responder_pid = open my $responder, '-|', $program, '-d', DELAY;
die "$program: $!\n" if !$responder_pid;
my ($port) = (readline $responder) =~ /^ready (\d+)/ or die "the responder is not ready\n";
my $address = "127.0.0.1:$port";
my $node = Session->cluster([$address], "shared_preload_libraries = 'pgcares'", 'log_statement = none', 'jit = off',
	'max_parallel_workers_per_gather = 0', "pgcares.timeout = '8s'", "pgcares.deadline = '5min'");
my $analyst = Analyst->new($node, $address, rows => ROWS);
my %with = map { my $way = $_; $way => Session->new($node, options => "-c pgcares.lookahead=$way") } qw(off on);
my (@lines, @ratios);

$_->text(q{SELECT dns_lookup('first.example', 4)}) foreach values %with;

# The least milliseconds of a statement
sub cost
{
	my ($way, $sql) = @_;
	my @times;

	foreach (1 .. ROUNDS->{$way})
	{
		my $began = time;
		my $result = $with{$way}->query("BEGIN; $sql");
		push @times, 1000 * (time - $began);
		$with{$way}->text('ROLLBACK');
		die "$result->{error}{M}\n" if $result->{error};
	}
	return min(@times);
}

foreach my $statement ($analyst->statements)
{
	my ($off, $on) = map { cost($_, $statement->{sql}) } qw(off on);

	push @ratios, $off / $on if $statement->{ahead};
	push @lines, sprintf('%-60s %8.0f %8.0f %7.1f  %s', $statement->{name}, $off, $on, $off / $on, $statement->{ahead} ? '' : 'not ahead') =~ s/ +$//r;
	pass($lines[-1]);
}
@ratios = sort { $a <=> $b } @ratios;
if ($ENV{BENCH_STORE})
{
	open my $file, '>', "$FindBin::Bin/lookahead.txt" or die "lookahead.txt: $!\n";
	printf $file "# Milliseconds of the statements of test/lookahead/analyst without look-ahead and with it, and the ratio: %d rows, answers after\n"
	  . "# %d ms, PostgreSQL %s. Written by lookahead.pl. Median ratio of those with look-ahead: %.0f\n",
	  ROWS, DELAY, $analyst->{version}, $ratios[ $#ratios / 2 ];
	print $file "$_\n" foreach sprintf('%-60s %8s %8s %7s', 'statement', 'off', 'on', 'ratio'), @lines;
	close $file;
}
kill 'TERM', $responder_pid;
done_testing();
