# The most questions that a statement can ask with look-ahead.
#
# If all rows are certain to be read, at most as many as without: equal questions close
# together share one answer, and none is asked in vain.
#
# Under an early stop, or if a call is not certain to be made, a node begins with one
# row, and asks ahead for at most as many further rows as calls have used so far: one
# more for each call that a node looks ahead for, and one more for each call that was
# made.
#
#   - A lookup below another one's node is made for rows that are read ahead: there,
#     the calls are those of the session that looks ahead.
#   - A statement that fails, or goes on after an error within, has asked ahead for
#     rows that it does not reach: for no more than it would have reached without the
#     error. So it is measured by its calm form, which is the same statement without
#     the expressions that raise; if that fails too, nothing is counted.

package Demand;

use strict;
use warnings;

# Calls that ask for A and AAAA
my $two_questions = qr/dns_lookup|lookup_stable|dns_addresses|dns_getaddrinfo|dns_gethostbyname/;

# The most plans of one call in a query that cannot be explained: one for each part of
# a partitioned table or UNION
use constant PLANS_OF_A_CALL => 3;

# The names of an attempt, which asks for them one after another and stops at the first
# failure; with look-ahead it asks for all of them at once.
use constant NAMES_OF_AN_ATTEMPT => 3;

# The most questions, from the numbers of questions and calls without look-ahead and
# with it, and a function that returns the number of calls with look-ahead
sub most
{
	my ($statement, $plain, $ahead, $calls_ahead) = @_;

	return $statement->{most} if defined $statement->{most};
	my $asked = $plain->{questions} * ($statement->{sql} =~ /attempt/ ? NAMES_OF_AN_ATTEMPT : 1);

	return $asked if is_certain($statement);
	my $sites = $calls_ahead->() // $statement->{called} * PLANS_OF_A_CALL;
	my $each = $statement->{sql} =~ $two_questions ? 2 : 1;
	my $calls = $statement->{called} > 1 ? $ahead->{calls} : $plain->{calls};

	return $asked + $each * ($calls + $sites * ($statement->{runs} // 1));
}

# The calm form of a statement, with its settings
sub calm
{
	my ($statement) = @_;
	my %calm = %$statement;

	$calm{settings} = [ @{ $statement->{settings} }, 'search_path = calm, public', 'pgcares.on_error = ignore' ];
	$calm{sql} = calm_text($statement->{sql});
	$calm{steps} = [ map { [ map { calm_text($_) } @$_ ] } @{ $statement->{steps} } ] if $statement->{steps};
	return \%calm;
}

sub calm_text
{
	my ($text) = @_;

	return undef if !defined $text;
	$text =~ s/'(?:error|warning|missing_ok)'/'ignore'/g;
	$text =~ s/\b1 \/ \(/1 \/ greatest(1, /g;
	$text =~ s/THEN 'x' ELSE '1'/THEN '2' ELSE '1'/g;
	$text =~ s/f\.id < 2 \+ \(/f.id < 2 + 0 * (/g;
	$text =~ s/a\.\.b/shop.example/g;
	return $text;
}

# Are all rows read, and all calls with look-ahead made? A join of tables stops when
# one side has ended, or does not begin, and a call in a join condition needs a row of
# both. So does a call in the condition of a subquery; some window functions skip rows.
sub is_certain
{
	my ($statement) = @_;
	my $sql = $statement->{sql};

	return 0 if $sql =~ /\bFROM (?:few|nothing) f WHERE f\.name|\b(?:lag|lead|first_value)\(|\bROWS BETWEEN\b|\bVALUES .* LIMIT/;
	return 0 if $statement->{stops_early} || $sql =~ /\bWITH\b(?! ORDINALITY)|\bUNION\b|\bINTERSECT\b|\bEXCEPT\b|\bUSING\b|\bFROM [\w ]+, (?!LATERAL)/;
	my @joins = grep { /\bJOIN\b/ } split /\n/, $sql;
	return !grep { !/^\t(?:CROSS|LEFT) JOIN LATERAL (?:\w+\(|ROWS FROM)/ || /JOIN.*JOIN/ || /\bON (?!true$)/ } @joins;
}

1;
