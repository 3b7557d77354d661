# Two sessions that run the same statements, one of them with look-ahead.
#
#   my $pair = Pair->new($node);            makes the tables of each
#   my $text = $pair->difference($statement);   '' if they agree
#   my @left = $pair->left;                 what statements have left behind
#   $pair->{counts}                         of statements, by what came of them
#   $pair->{tolerated}                      differences that were, by what they are
#                                           and the shape of the statement
#
# What is compared are rows, errors and notices, in the order that Statements
# promises; what was written, and in which order; sequences, advisory locks, locks
# of rows and settings; and the number of questions (Demand.pm). A statement that
# takes the session without look-ahead too long is left out, and counted; the
# other one has more time.
#
# Exceptions, each of which is needed:
#   - warnings of several calls come in any order, since some of them are made for
#     rows that are read ahead
#   - rows that were sent before an error count for nothing, since what raises
#     for a row may do so when the row is read ahead
#   - where there are parallel workers, nothing raises, warns or has an effect, and
#     no question is counted: a worker counts for itself
#
# The option "tolerate" lets more through, by the names that tolerates() has; they
# are counted in any case.

package Pair;

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Utils;
use Demand;
use Session;

# What a statement may take, in ms, without look-ahead and with it; more where a
# checker watches the server
use constant { TIME_PLAIN => $ENV{PGCARES_WATCHED} ? 20000 : 1000, TIME_AHEAD => $ENV{PGCARES_WATCHED} ? 100000 : 20000 };

# SQLSTATE of a statement whose time was up
use constant QUERY_CANCELED => '57014';

my @traces = qw(log sequences advisory_locks settings row_locks);

# Options: ahead and plain, settings of either session in place of those for
# look-ahead on and off; tables, a file of SQL for each; tolerate, a list
sub new
{
	my ($class, $node, %options) = @_;
	my @tables = map { slurp_file("$FindBin::Bin/../$_") } 'lookahead/effects.sql', $options{tables} // 'fuzz/tables.sql';
	my $self = bless { counts => {}, tolerated => {}, tolerate => { map { $_ => 1 } @{ $options{tolerate} // [] } },
		time => { plain => TIME_PLAIN, ahead => TIME_AHEAD } }, $class;
	my %lookahead = (plain => $options{plain} // 'pgcares.lookahead=off', ahead => $options{ahead} // 'pgcares.lookahead=on');

	foreach my $which (qw(plain ahead))
	{
		$node->safe_psql('postgres', "CREATE DATABASE $which");
		$node->safe_psql($which, 'CREATE EXTENSION pgcares');
		$self->{$which} = Session->new($node, dbname => $which, options =>
			"-c client_min_messages=notice -c track_functions=all -c fuzz.a= -c fuzz.b= -c fuzz.began=3 -c $lookahead{$which}");
		$self->{$which}->text($_) foreach @tables, 'SELECT find_lookups()';
	}

	# what is read once, and stays
	$self->both(sub { q{SELECT count(dns_lookup('shop.example', 0, 'ignore'))} });
	$self->{at_first}{$_} = $self->resources($_) foreach qw(plain ahead);
	$self->{traces} = $self->traces;
	return $self;
}

# Run a statement in both; how they differ, as text.
sub difference
{
	my ($self, $statement) = @_;
	my $before = $self->{traces};
	my $results = $self->{results} = $self->run($statement, qw(plain ahead));

	return "the connection was closed\n" if $results->{ahead}{ended};
	my $is_counted = $self->counted($results->{plain});
	$self->{traces} = $self->traces;
	return '' if !$is_counted;

	$self->{asked} = $self->asked($before);
	return $self->different_results($statement) || $self->different_traces($statement) || $self->different_demand($statement);
}

# Run it in some of the sessions, each as if there had been nothing before; what
# came of it.
sub run
{
	my ($self, $statement, @which) = @_;
	my @anew = ('ROLLBACK', 'DEALLOCATE ALL', 'RESET ALL', 'SELECT begin_anew()', map { "SET $_" } @{ $statement->{settings} });
	my $results = $self->both(sub { join ';', @anew, "SET statement_timeout = $self->{time}{$_[0]}" }, @which);

	foreach (values %$results)
	{
		die "cannot set: $_->{error}{M}\n" if $_->{error};
	}
	return $self->both(sub { $statement->{steps} // $statement->{sql} }, @which);
}

# Rows, errors and notices
sub different_results
{
	my ($self, $statement) = @_;
	my $results = $self->{results};
	my %lines = map { $_ => [ result_lines($results->{$_}, $statement) ] } qw(plain ahead);
	my $difference = first_difference(@lines{qw(plain ahead)}) // return '';
	my ($plain, $ahead) = map { $results->{$_}{error} } qw(plain ahead);
	my $kind = $plain && $ahead ? ($plain->{M} ne $ahead->{M} ? 'another error' : 'fewer effects')
	  : $ahead || $plain ? undef : 'further warnings';

	return '' if $self->tolerates($statement, $kind);
	return $difference;
}

# May that be different? Only if the option says so:
#   another error      both fail, but not at the same call or expression
#   fewer effects      both fail in the same way, but not everything has been done
#                      that is done before, such as nextval() of earlier rows
#   further warnings   of lookups for rows that an early stop would not reach
# Nothing else can be: that one of them fails only, that rows, or the effects of a
# statement that succeeds, differ.
sub tolerates
{
	my ($self, $statement, $kind) = @_;

	return 0 if !defined $kind || $kind eq 'further warnings' && !$statement->{stops_early};
	$self->{tolerated}{$kind}{ $statement->{shape} }++;
	return $self->{tolerate}{$kind} || $self->{tolerate}{all};
}

# What was written, locked and set
sub different_traces
{
	my ($self, $statement) = @_;
	my ($plain, $ahead) = map { $self->{traces}{$_} } qw(plain ahead);
	my @different = grep { ($plain->{$_} // '') ne ($ahead->{$_} // '') } @traces;

	return '' if !@different;
	return '' if $self->{results}{plain}{error} && $self->{results}{ahead}{error} && $self->tolerates($statement, 'fewer effects');
	return join '', map { "$_ without look-ahead: " . ($plain->{$_} // 'nothing') . "\n$_ with look-ahead:    " . ($ahead->{$_} // 'nothing') . "\n" } @different;
}

# The questions that were asked
sub different_demand
{
	my ($self, $statement) = @_;
	my ($plain, $ahead) = @{ $self->{asked} }{qw(plain ahead)};

	return '' if $statement->{parallel} || $ahead->{questions} <= $plain->{questions};
	$self->{counts}{'more questions'}++;
	my $most = Demand::most($statement, $plain, $ahead, sub { $self->calls_ahead($statement) });
	return '' if $ahead->{questions} <= $most;

	if ($self->{results}{ahead}{error} || $statement->{swallows})
	{
		my $calm = $self->calm_demand($statement) // return '';
		$most = Demand::most($statement, $calm, $ahead, sub { $self->calls_ahead($statement) });
		return '' if $ahead->{questions} <= $most;
	}
	return "$plain->{questions} questions and $plain->{calls} calls without look-ahead, $ahead->{questions} and $ahead->{calls} with it, "
	  . "at most $most allowed\n";
}

# What the calm form of a statement asks for without look-ahead; undefined if that
# fails, too.
sub calm_demand
{
	my ($self, $statement) = @_;
	my $results = $self->run(Demand::calm($statement), 'plain');
	my $before = $self->{traces};

	$self->{traces} = $self->traces;
	return $self->asked($before)->{plain} if !$results->{plain}{error};
	$self->{counts}{'not counted'}++;
	return undef;
}

# What was asked since, by each session
sub asked
{
	my ($self, $before) = @_;
	my %asked;

	foreach my $which (qw(plain ahead))
	{
		$asked{$which} = { map { $_ => $self->{traces}{$which}{$_} - $before->{$which}{$_} } qw(questions calls) };
	}
	return \%asked;
}

# What there is after a statement, of each session
sub traces
{
	my ($self) = @_;
	my @names = (@traces, qw(calls questions));

	$self->both(sub { 'ROLLBACK; SELECT pg_stat_force_next_flush()' });
	my $results = $self->both(sub { 'SELECT ' . join(', ', @names) . ' FROM traces()' });
	my %traces;
	foreach my $which (qw(plain ahead))
	{
		die "no traces: $results->{$which}{error}{M}\n" if $results->{$which}{error};
		@{ $traces{$which} }{@names} = @{ $results->{$which}{rows}[0] };
	}
	return \%traces;
}

# Send to both what a function says for each, so that both work at a time; what
# came of it. Or to one of them.
sub both
{
	my ($self, $sql, @which) = @_;

	@which = qw(plain ahead) if !@which;
	foreach my $which (@which)
	{
		my $given = $sql->($which);
		ref $given ? $self->{$which}->send_steps(@$given) : $self->{$which}->send($given);
	}
	my %results = map { $_ => $self->result($_) } @which;
	return \%results;
}

# What came of it. Nobody waits for a statement that takes too long without
# look-ahead.
sub result
{
	my ($self, $which) = @_;
	my $result = $self->{$which}->result;

	if ($which eq 'plain' && Session::sqlstate_of($result) eq QUERY_CANCELED && !$self->{ahead}->has_result)
	{
		$self->{plain}->text('ROLLBACK; SELECT pg_cancel_backend(' . $self->{ahead}->pid . ')');
	}
	return $result;
}

# Counts what came of a statement without look-ahead; true if that can be
# compared with.
sub counted
{
	my ($self, $result) = @_;
	my $state = Session::sqlstate_of($result);

	die "the connection of the session without look-ahead was closed\n" if $result->{ended};
	$self->{counts}{ $state eq QUERY_CANCELED ? 'slow'
		  : $state ne '00000' ? 'failed'
		  : @{ $result->{rows} } ? 'rows' : 'empty' }++;
	$self->{states}{$state}++;
	return $state ne QUERY_CANCELED;
}

# What is compared of a result, a line each
sub result_lines
{
	my ($result, $statement) = @_;
	my $compare = $statement->{compare};
	my @rows = map { join '|', map { $_ // '(null)' } @$_ } @{ $result->{rows} };
	my @notices = map { message_text($_) } grep { $_->{S} eq 'NOTICE' } @{ $result->{notices} };
	my @warnings = map { message_text($_) } grep { $_->{S} ne 'NOTICE' } @{ $result->{notices} };

	return 'the connection was closed' if $result->{ended};

	# rows that were sent before an error count for nothing
	if ($result->{error})
	{
		@warnings = () if $statement->{called} > 1;
		return $compare eq 'exact' ? (message_text($result->{error}), @notices, @warnings) : $result->{error}{C};
	}
	return scalar(@rows) . ' rows' if $compare eq 'count';
	@warnings = sort @warnings if $statement->{called} > 1;
	@rows = sort @rows if $compare eq 'sorted';
	return map { split /\n/ } @rows, @{ $result->{tags} }, @notices, @warnings;
}

# A message, with detail, hint and context
sub message_text
{
	my ($fields) = @_;
	return join ' / ', map { $_ // '' } @$fields{qw(S C M D H W)};
}

# The first line that is not the same; undefined if all are
sub first_difference
{
	my ($plain, $ahead) = @_;
	my ($first) = grep { ($plain->[$_] // '') ne ($ahead->[$_] // '') } 0 .. ($#$plain > $#$ahead ? $#$plain : $#$ahead);

	return undef if !defined $first;
	return sprintf "line %d of %d without look-ahead: %s\nline %d of %d with look-ahead:    %s\n",
	  map { ($first + 1, scalar @$_, $_->[$first] // '(none)') } $plain, $ahead;
}

# How many calls the plan of the last statement looks ahead for, each as often as
# it stands there. Undefined if it cannot be explained.
sub calls_ahead
{
	my ($self, $statement) = @_;
	my $result;

	return undef if !defined $statement->{query};
	$result = $self->{ahead}->query("ROLLBACK; EXPLAIN (COSTS OFF, FORMAT json) $statement->{query}");
	return undef if $result->{error};
	return scalar map { m{"Look-ahead": \[([^\n]*)\]}g ? split(/", "/, $1) : () } map { split /\n/, $_->[0] } @{ $result->{rows} };
}

# What a session holds when nothing is under way: descriptors, sockets of the
# internet, memory contexts of ours. Contexts that a new function of the user ends
# are not there each time.
sub resources
{
	my ($self, $which) = @_;
	my $session = $self->{$which};

	$session->query('ROLLBACK');
	$session->text('DEALLOCATE ALL; RESET ALL; SELECT dns_reset()');
	return {
		sockets => join(', ', $session->inet_sockets),
		descriptors => join(', ', @{ $session->descriptors }),
		contexts => $session->text(
			"SELECT name, count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'pgcares%' AND name NOT LIKE 'pgcares function%' GROUP BY name ORDER BY name")
	};
}

# What is there that was not there at first, a line each
sub left
{
	my ($self) = @_;
	my @left;

	foreach my $which (qw(plain ahead))
	{
		my $now = $self->resources($which);
		my $first = $self->{at_first}{$which};
		push @left, map { "$_ of the session \"$which\": $now->{$_}, at first: $first->{$_}" }
		  grep { $now->{$_} ne $first->{$_} } sort keys %$now;
	}
	return @left;
}

# All memory of a session, in kB
sub memory
{
	my ($self, $which) = @_;
	return $self->{$which}->text('SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts');
}

1;
