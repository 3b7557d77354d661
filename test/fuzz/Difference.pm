# Compares the results of a statement with look-ahead and without: returns the text of
# the first difference, nothing if there is none; and its kind, if it can be tolerated:
#
#   another error      both fail, but not at the same call or expression
#   fewer effects      both fail, and some earlier effects are missing, such as
#                      nextval() of earlier rows; there are no others, and their
#                      order is the same
#   further warnings   of lookups, for rows that an early stop would not reach;
#                      all else is the same
#
# Any other difference has no kind: only one of them fails, rows differ, or a statement
# that succeeds has other effects.

package Difference;

use strict;
use warnings;

# Compares rows, errors and notices: results of Session
sub of_results
{
	my ($plain, $ahead, $statement) = @_;
	my @lines = map { [ head_lines($_, $statement), warning_lines($_, $statement) ] } $plain, $ahead;
	my $text = first_difference(@lines) // return;
	my @head = map { join "\n", head_lines($_, $statement) } $plain, $ahead;

	return ($text, $statement->{stops_early} && $head[0] eq $head[1] ? 'further warnings' : undef) if !$plain->{error} && !$ahead->{error};
	return ($text, undef) if !$plain->{error} || !$ahead->{error} || !is_begin_of([ notices($ahead) ], [ notices($plain) ]);
	return ($text, message_text($plain->{error}) eq message_text($ahead->{error}) ? 'fewer effects' : 'another error');
}

# Compares the log, sequences, locks and settings from Pair::traces(). $failed: both
# have failed
sub of_traces
{
	my ($plain, $ahead, $failed, @names) = @_;
	my @different = grep { ($plain->{$_} // '') ne ($ahead->{$_} // '') } @names;

	return if !@different;
	my $text = join '', map { "$_ without look-ahead: " . ($plain->{$_} // 'nothing') . "\n$_ with look-ahead:    " . ($ahead->{$_} // 'nothing') . "\n" } @different;
	my @further = grep { !is_less($_, $plain->{$_} // '', $ahead->{$_} // '') } @different;
	return ($text, $failed && !@further ? 'fewer effects' : undef);
}

# Is everything with look-ahead there without it too?
sub is_less
{
	my ($name, $plain, $ahead) = @_;

	if ($name eq 'sequences')
	{
		my @plain = $plain =~ /\d+/g;
		my @ahead = $ahead =~ /\d+/g;
		return !grep { $ahead[$_] > $plain[$_] } 0 .. $#plain;
	}
	my $separator = $name eq 'advisory_locks' ? ', ' : ' ';
	my %plain = map { $_ => 1 } split /$separator/, $plain;
	return $name =~ /locks/ && !grep { !$plain{$_} } split /$separator/, $ahead;
}

# The error or the rows, and the notices of the test functions, one line each
sub head_lines
{
	my ($result, $statement) = @_;
	my $compare = $statement->{compare};
	my @rows = map { join '|', map { $_ // '(null)' } @$_ } @{ $result->{rows} };

	return 'the connection was closed' if $result->{ended};

	# rows that were sent before an error count for nothing
	return $compare eq 'exact' ? (message_text($result->{error}), notices($result)) : $result->{error}{C} if $result->{error};
	return scalar(@rows) . ' rows' if $compare eq 'count';
	@rows = sort @rows if $compare eq 'sorted';
	return map { split /\n/ } @rows, @{ $result->{tags} }, notices($result);
}

sub notices
{
	my ($result) = @_;
	return map { message_text($_) } grep { $_->{S} eq 'NOTICE' } @{ $result->{notices} };
}

# The warnings of lookups. Those of several calls come in any order; before an error,
# rows that are read ahead can cause some.
sub warning_lines
{
	my ($result, $statement) = @_;
	my @warnings = map { message_text($_) } grep { $_->{S} ne 'NOTICE' } @{ $result->{notices} };

	return if $statement->{compare} eq 'count' || $result->{error} && ($statement->{called} > 1 || $statement->{compare} ne 'exact');
	@warnings = sort @warnings if $statement->{called} > 1;
	return map { split /\n/ } @warnings;
}

# A message, with detail, hint and context
sub message_text
{
	my ($fields) = @_;
	return join ' / ', map { $_ // '' } @$fields{qw(S C M D H W)};
}

sub is_begin_of
{
	my ($short, $long) = @_;
	return @$short <= @$long && !grep { $short->[$_] ne $long->[$_] } 0 .. $#$short;
}

# The first line that differs; undefined if there is none
sub first_difference
{
	my ($plain, $ahead) = @_;
	my ($first) = grep { ($plain->[$_] // '') ne ($ahead->[$_] // '') } 0 .. ($#$plain > $#$ahead ? $#$plain : $#$ahead);

	return undef if !defined $first;
	return sprintf "line %d of %d without look-ahead: %s\nline %d of %d with look-ahead:    %s\n",
	  map { ($first + 1, scalar @$_, $_->[$first] // '(none)') } $plain, $ahead;
}

1;
