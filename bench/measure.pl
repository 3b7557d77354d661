#!/usr/bin/perl
#
# Measures all clients that can be run here, and writes a line for each run of each:
#
#   measure.pl [--quick] [--rounds N] [--window N] [--only WORD] FOLDER CSV
#
# FOLDER has the programs "limit" and "responder", and "massdns" if there is one; this
# program puts its files there too. Part of bench/run, which does the rest: it puts
# PostgreSQL's programs into the PATH, makes pgcares available to them, and ends all
# processes. Progress goes to standard error.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Getopt::Long;
use List::Util qw(max min uniqnum);
use Time::HiRes qw(time);
use Clients;
use Place;

# Latency, further latency of slow names in milliseconds, percent of slow names, of lost
# queries; and the number of names for a client that asks for them one by one
my @scenarios = (
	{ id => 'near', names => 100_000, alone => 10_000 },
	{ id => 'ms5', options => '-d 5', names => 100_000, alone => 1_000 },
	{ id => 'ms20', options => '-d 20', names => 100_000, alone => 250 },
	{ id => 'slow', options => '-d 5 -s 1 -S 300', names => 100_000, alone => 1_000 },
	{ id => 'loss', options => '-d 5 -l 0.5', names => 100_000, alone => 400 });
my @growth = (1_000, 10_000, 100_000, 1_000_000);

# Names of a run before each measured one: things that are made once exist afterwards.
use constant WARM_UP => 100;

# Seconds for one run, and rounds of a run with a million names
use constant { RUN_WITHIN => 300, LARGE_ROUNDS => 3 };

my ($quick, $rounds, $window, $only) = (0, 5, 1000, '');
GetOptions('quick' => \$quick, 'rounds=i' => \$rounds, 'window=i' => \$window, 'only=s' => \$only)
  or die "measure.pl: see its first lines for the options\n";
my ($folder, $csv_file) = @ARGV;
if ($quick)
{
	$_->{names} = 20_000, $_->{alone} = min($_->{alone}, 500) foreach @scenarios;
	@growth = (1_000, 20_000);
	$rounds = 1;
}

my (@left_out, %versions);
my $place = Place->new($folder, $window);
my @clients = map { available($_) } grep { $_->{id} =~ /$only/ } Clients::all(%$place);
$place->fill_table(max @growth, map { $_->{names} } @scenarios);

open(my $csv, '>', $csv_file) or die "cannot write \"$csv_file\": $!\n";
$csv->autoflush;
print $csv map { "# $_\n" } $place->facts($rounds), map { "peer: $_" } sort keys %versions;
print $csv map { "# $_\n" } @left_out;
print $csv "client,scenario,names,round,answers,seconds,user,system,queries,server,others,memory_kb\n";
measure_scenario($_) foreach @scenarios;
$place->stop;

# A client, or nothing and the reason
sub available
{
	my ($client) = @_;
	my ($version) = $client->{version} ? `$client->{version} 2>/dev/null` : '';
	my $missing = $client->{missing} //
	  (!defined $version ? 'not found' : $client->{fits} && $version !~ $client->{fits} ? 'another version' : undef);

	$missing //= "no $client->{language}" if $client->{language} && !$place->has_language($client->{language});
	if (defined $missing)
	{
		push @left_out, "left out: $client->{title} ($missing)";
		print STDERR "$left_out[-1]\n";
		return;
	}
	chomp $version;
	$versions{$version} = 1 if $version;
	return $client;
}

# All clients in turn, round after round, so that other work affects them alike
sub measure_scenario
{
	my ($scenario) = @_;

	$place->start_responder($scenario->{options} // '');
	foreach my $round (1 .. $rounds)
	{
		foreach my $client (@clients)
		{
			foreach my $names (sizes($scenario, $client, $round))
			{
				my %run = $client->{sql} ? run_sql($client, $names) : run_program($client, $names);
				print $csv join(',', $client->{id}, $scenario->{id}, $names, $round,
					map { sprintf '%.6g', $_ } @run{qw(answers seconds user system queries server others memory_kb)}), "\n";
				printf STDERR "%s %d: %s, %d of %d in %.2f s, %.1f us\n", $scenario->{id}, $round, $client->{id},
				  $run{answers}, $names, $run{seconds}, 1e6 * ($run{user} + $run{system}) / $names;
			}
		}
	}
	$place->stop_responder;
}

# The numbers of names: several for a client whose growth is measured
sub sizes
{
	my ($scenario, $client, $round) = @_;
	my $names = $client->{alone} ? $scenario->{alone} : $scenario->{names};

	$names = $client->{at_most} if $client->{at_most} && $scenario->{id} ne 'near' && $names > $client->{at_most};
	return $names if !$client->{grows} || $scenario->{id} ne 'near';
	my $most = $client->{alone} ? $names : max @growth;
	return grep { $_ <= $most && ($_ < 1e6 || $round <= LARGE_ROUNDS) } uniqnum(@growth, $names);
}

# Statements in a session of their own. PostgreSQL itself reports the cost of each; the
# cost of programs that it starts, and has waited for, is in its line of /proc.
sub run_sql
{
	my ($client, $names) = @_;
	my ($measured, $warm_up) = map { my $number = $_; $client->{sql} =~ s/NAMES/$number/gr } $names, WARM_UP;
	my $count = $client->{answers} ? "TRUNCATE line; $measured" : $measured;
	my $children = "SELECT pg_read_file('/proc/self/stat');\n";
	my $before = $place->counters;

	my ($rows, $messages) = $place->psql(RUN_WITHIN, <<SQL);
@{[$client->{setup} // '']};
$warm_up;
\\echo \@measured
$children
SET client_min_messages = log;
SET log_statement_stats = on;
$count;
SET log_statement_stats = off;
SET client_min_messages = warning;
$children
@{[$client->{answers} // '']};
SQL
	my @lines = split /\n/, $rows =~ s/.*^\@measured\n//msr;
	my @children = map { [ (split ' ', s/.*\) //r)[ 13, 14 ] ] } grep { /^\d+ \(/ } @lines;
	my ($answers) = grep { /^\d+$/ } @lines;
	my %run = (answers => $answers, user => 0, system => 0, seconds => 0, memory_kb => 0);

	# the last one belongs to the SET at the end
	my @costs = $messages =~ /^!\t(\S+) s user, (\S+) s system, (\S+) s elapsed$/mg;
	splice @costs, -3;
	while (my ($user, $system, $seconds) = splice @costs, 0, 3)
	{
		$run{user} += $user;
		$run{system} += $system;
		$run{seconds} += $seconds;
	}
	$run{memory_kb} = max $messages =~ /^!\t(\d+) kB max resident size$/mg;
	$run{user} += ($children[1][0] - $children[0][0]) / Place::TICKS;
	$run{system} += ($children[1][1] - $children[0][1]) / Place::TICKS;
	%run = $place->with_counters($before, %run);
	$run{queries} -= WARM_UP;
	return %run;
}

# Our own programs measure themselves; other ones are measured from start to end.
sub run_program
{
	my ($client, $names) = @_;
	my $file = $place->names_file($client->{from}, $names);
	my $output = "$folder/output";
	my $command = $client->{program} =~ s/FILE/$file/r;
	my $before = $place->counters;
	my @start = (time, times);

	$place->command(RUN_WITHIN, "$command < $file > $output");
	my @end = (time, times);
	my %run = (seconds => $end[0] - $start[0], user => $end[3] - $start[3], system => $end[4] - $start[4], memory_kb => 0);

	open(my $lines, '<', $output) or die "cannot read \"$output\": $!\n";
	$run{client} = $run{user} + $run{system};
	if ($client->{answers})
	{
		$run{answers} = grep { /$client->{answers}/ } <$lines>;
	}
	else
	{
		@run{qw(answers seconds user system)} = split ' ', <$lines>;
	}
	return $place->with_counters($before, %run);
}
