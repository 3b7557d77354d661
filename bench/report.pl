#!/usr/bin/perl
#
# Prints the part of docs/speed.md about results, as Markdown, and draws their picture:
#
#   report.pl [--short] [--svg FILE] [--into FILE] RESULTS.csv
#
# With --short it prints the few rows of README.md. With --into it puts them between the
# marks of that file too.
#
# The same results always give the same output: scripts/check compares both pages and
# speed.svg with speed.csv.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Getopt::Long;
use List::Util qw(max min sum0 uniq);
use Clients;
use Plot;

my @scenarios = (
	[ near => 'no latency' ], [ ms5 => '5 ms' ], [ ms20 => '20 ms' ],
	[ slow => '5 ms, 1 % slow' ], [ loss => '5 ms, 0.5 % lost' ]);

# The clients whose growth is shown
my @grown = ([ many_a => '`dns_query_many`, A' ], [ lateral => '`LATERAL dns_a`' ]);

# Work of other processes, in processors, from which on figures cannot be trusted
use constant BUSY => 0.2;

# The clients and scenarios of README.md
my @short_clients = qw(many_a lateral row pycares);
my @short_scenarios = grep { $_->[1] !~ /%/ } @scenarios;

my ($svg, $into, $short);
GetOptions('svg=s' => \$svg, 'into=s' => \$into, 'short' => \$short) && @ARGV == 1 or die "report.pl: see its first lines for the options\n";
my (%facts, %runs, @left_out, @peers, $busiest);
read_results($ARGV[0]);

my @known = Clients::all(window => 0, port => 0, folder => '');
my %title = map { $_->{id} => $_->{title} } @known;
my @clients = grep { $runs{$_} } map { $_->{id} } @known;
my $text = $short ? short_table() : join "\n", introduction(), speed_table(),
  "![CPU time of a lookup; thousands of lookups per second](../bench/speed.svg)\n", growth_table();
print $text;
put_into($into) if defined $into;
draw($svg) if defined $svg;

sub read_results
{
	my ($path) = @_;
	my @columns;

	open(my $file, '<', $path) or die "cannot read \"$path\": $!\n";
	while (my $line = <$file>)
	{
		chomp $line;
		if ($line =~ /^# left out: ([^,(]*\w)/) { push @left_out, $1 }
		elsif ($line =~ /^# peer: (.*)/) { push @peers, $1 }
		elsif ($line =~ /^# (.*?): (.*)/) { $facts{$1} = $2 }
		elsif (!@columns) { @columns = split /,/, $line }
		else
		{
			my %run;

			@run{@columns} = split /,/, $line;
			push @{ $runs{ $run{client} }{ $run{scenario} }{ $run{names} } }, \%run;
			$busiest = max($busiest // 0, $run{others});
		}
	}
}

sub introduction
{
	my $versions = join ', ', "PostgreSQL $facts{PostgreSQL}", $facts{pgcares}, @peers;
	my $text = <<END;
Measured on $facts{machine}; $versions. Up to $facts{window} questions under way. Medians of the rounds ($facts{rounds}), in
brackets the least and the most.
END
	$text .= 'Not measured, as not found there: ' . join(', ', uniq(@left_out)) . ".\n" if @left_out;
	$text .= sprintf "Other processes took up to %.1f processors meanwhile, so that these figures are rough.\n", $busiest
	  if $busiest >= BUSY;
	return $text;
}

sub speed_table
{
	my @rows = ('| | CPU, us | in the kernel | queries |' . join('', map { " $_->[1] |" } @scenarios),
		'|---|---|---|---|' . '---|' x @scenarios);

	foreach my $client (@clients)
	{
		my @near = main_runs($client, 'near');
		my @cells = ($title{$client}, spread(map { cpu($_) } @near),
			percent(median(map { $_->{system} / ($_->{user} + $_->{system} || 1) } @near)),
			@near ? sprintf('%.2f', median(map { $_->{queries} / $_->{names} } @near)) : '');

		push @cells, map { per_second(main_runs($client, $_->[0])) } @scenarios;
		push @rows, '| ' . join(' | ', @cells) . ' |';
	}
	return "CPU time of a lookup without latency, and thousands of lookups per second:\n\n" . join("\n", @rows) . "\n";
}

# Medians only
sub short_table
{
	my @rows = ('| | CPU, us |' . join('', map { " $_->[1] |" } @short_scenarios), '|---|---|' . '---|' x @short_scenarios);

	foreach my $client (grep { $runs{$_} } @short_clients)
	{
		push @rows, '| ' . join(' | ', $title{$client}, figure(median(map { cpu($_) } main_runs($client, 'near'))),
			map { figure(median(map { speed($_) } main_runs($client, $_->[0]))) } @short_scenarios) . ' |';
	}
	return join("\n", @rows) . "\n";
}

sub growth_table
{
	my @sizes = sort { $a <=> $b } keys %{ $runs{ $grown[0][0] }{near} };
	my @rows = ('| names |' . join('', map { " $_->[1]: seconds | CPU, us | MB |" } @grown), '|---|' . '---|---|---|' x @grown);

	foreach my $size (@sizes)
	{
		my @cells = thousands($size);
		foreach my $client (map { $_->[0] } @grown)
		{
			my @runs = @{ $runs{$client}{near}{$size} // [] };
			push @cells, figure(median(map { $_->{seconds} } @runs)), spread(map { cpu($_) } @runs),
			  figure(median(map { $_->{memory_kb} / 1024 } @runs));
		}
		push @rows, '| ' . join(' | ', @cells) . ' |';
	}
	return "How cost grows with the names of a statement, without latency; memory is all the backend has, the server's buffers included:\n\n" .
	  join("\n", @rows) . "\n";
}

# The runs with as many names as those of others: a client whose growth is shown has more
sub main_runs
{
	my ($client, $scenario) = @_;
	my $sizes = $runs{$client}{$scenario} // return;
	my $main = max(map { keys %{ $_->{ms5} // {} } } values %runs) // 0;
	my ($size) = sort { abs($a - $main) <=> abs($b - $main) } keys %$sizes;

	return @{ $sizes->{$size} };
}

sub cpu
{
	my ($run) = @_;
	return 1e6 * ($run->{user} + $run->{system}) / ($run->{answers} || 1);
}

# In thousands a second
sub speed
{
	my ($run) = @_;
	return $run->{answers} / ($run->{seconds} || 1) / 1000;
}

sub median
{
	my @sorted = sort { $a <=> $b } @_ or return undef;
	return ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

sub spread
{
	return '' if !@_;
	return figure(median(@_)) . (@_ > 1 ? ' (' . figure(min @_) . '-' . figure(max @_) . ')' : '');
}

sub per_second
{
	my (@runs) = @_;
	my $answered = sum0(map { $_->{answers} } @runs) / (sum0(map { $_->{names} } @runs) || 1);

	return '' if !@runs;
	return spread(map { speed($_) } @runs) . ($answered < 1 ? sprintf(', %.1f %% answered', 100 * $answered) : '');
}

sub percent
{
	my ($share) = @_;
	return defined $share ? sprintf('%.0f %%', 100 * $share) : '';
}

# Three digits
sub figure
{
	my ($number) = @_;

	return '' if !defined $number;
	return sprintf('%.*f', $number < 1 ? 3 : $number < 10 ? 2 : $number < 100 ? 1 : 0, $number) if $number < 1000;
	my $unit = 10**(length(int $number) - 3);
	return thousands($unit * int($number / $unit + 0.5));
}

sub thousands
{
	my ($number) = @_;
	return scalar reverse(join ',', unpack '(A3)*', reverse $number);
}

sub put_into
{
	my ($path) = @_;

	open(my $file, '+<', $path) or die "cannot change \"$path\": $!\n";
	my $page = do { local $/; <$file> };
	$page =~ s/^(<!-- speed:.*?\n).*?^(<!-- end of speed)/$1$text$2/ms or die "\"$path\" has no marks\n";
	seek($file, 0, 0);
	truncate($file, 0);
	print $file $page;
	close $file or die "cannot change \"$path\": $!\n";
}

sub draw
{
	my ($path) = @_;
	my @plain = map { (s/`//gr) } map { $title{$_} } @clients;
	my $plot = Plot->new(1000, 90 + 24 * @clients);

	$plot->bars(
		title => 'CPU time of a lookup, us', left => 280, width => 240,
		bars => [ map { [ $plain[$_], median(map { cpu($_) } main_runs($clients[$_], 'near')) // () ] } 0 .. $#clients ]);
	$plot->dots(
		title => 'thousand lookups per second', left => 600, width => 370,
		series => [ map { $_->[1] } @scenarios ],
		rows => [ map {
			my $client = $_;
			[ map { median(map { speed($_) } main_runs($client, $_->[0])) } @scenarios ]
		} @clients ]);
	open(my $file, '>', $path) or die "cannot write \"$path\": $!\n";
	print $file $plot->text;
	close $file or die "cannot write \"$path\": $!\n";
}
