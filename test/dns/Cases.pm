# The queries of test/lookahead/cases, their tables, and their results.
#
#   Cases->prepare($session);                    once in a database
#   my $session = Cases->session($node, "pgcares.lookahead=off");
#   foreach my $case (Cases->all) { Cases->run($session, $case) }
#
# A case is a hash of name, order, settings and query, as the file says. run()
# gives one text, the same for equal results: rows, or their number, in the order
# that matters, and the error if there is one.

package Cases;

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Session;

my $directory = dirname(abs_path(__FILE__)) . '/../lookahead';

sub all
{
	return map { my %case; @case{qw(name order settings query)} = split /\|/, $_, 4; \%case }
	  grep { /^[^#]/ } split /\n/, slurp_file("$directory/cases");
}

# Make the tables. The search_path is for this session only.
sub prepare
{
	my ($class, $session) = @_;
	$session->text(slurp_file("$directory/tables.sql"));
}

# A session that finds the tables, with more settings
sub session
{
	my ($class, $node, @settings) = @_;
	my @all = ('search_path=lookahead,public', @settings);

	return Session->new($node, options => join ' ', map { '-c ' . s/ /\\ /gr } @all);
}

# The statements that make a case's settings, for one transaction
sub settings_of
{
	my ($case) = @_;
	return join '', map { my ($name, $value) = split /=/; "SET LOCAL $name = '$value'; " } split /, /, $case->{settings};
}

sub run
{
	my ($class, $session, $case) = @_;
	return text_of($case, $session->query(settings_of($case) . $case->{query}));
}

# The same through a cursor, with a few rows for each FETCH
sub run_in_cursor
{
	my ($class, $session, $case, $kind) = @_;
	my @rows;

	$session->text('BEGIN; ' . settings_of($case));
	my $result = $session->query("DECLARE c $kind CURSOR FOR $case->{query}");
	foreach my $count (1, 3, 2, 'ALL')
	{
		last if $result->{error};
		$result = $session->query("FETCH $count FROM c");
		push @rows, @{ $result->{rows} };
	}
	$session->text('ROLLBACK');
	return text_of($case, { %$result, rows => \@rows });
}

sub text_of
{
	my ($case, $result) = @_;
	my @rows = map { join '|', map { $_ // '\N' } @$_ } @{ $result->{rows} };

	return "$result->{error}{C}: $result->{error}{M}" if $result->{error};
	return 'connection lost' if $result->{ended};
	return scalar(@rows) . ' rows' if $case->{order} eq 'c';
	return join "\n", $case->{order} eq 'o' ? @rows : sort @rows;
}

1;
