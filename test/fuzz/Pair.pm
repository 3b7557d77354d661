# Two sessions that run the same statements, one of them with look-ahead
#
#   my $pair = Pair->new($node);            makes the tables of each
#   my $text = $pair->difference($statement);   '' if they agree
#   my @left = $pair->left;                 leftovers of statements
#   $pair->{counts}                         of statements, by outcome
#   $pair->{tolerated}                      tolerated differences, by kind and by
#                                           the shape of the statement
#
# It compares rows, errors and notices, in the order that Statements promises; the log
# that statements write, with its order; sequences, advisory locks, row locks and
# settings; and the number of questions (Demand.pm). A statement that takes too long
# without look-ahead is left out, and counted.
#
# Exceptions, each of which is necessary:
#   - warnings of several calls come in any order, since some of them are made for
#     rows that are read ahead
#   - rows that were sent before an error do not count, since an expression that
#     raises for a row can do so when the row is read ahead
#   - with parallel workers, nothing raises, warns or has an effect, and no question
#     is counted: a worker counts for itself
#
# The option "tolerate" allows more: kinds of Difference.pm, or "all".

package Pair;

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Utils;
use Demand;
use Difference;
use Session;

# The longest time of a statement, in ms, without look-ahead and with it; more under a
# checker
use constant { TIME_PLAIN => $ENV{PGCARES_WATCHED} ? 20000 : 1000, TIME_AHEAD => $ENV{PGCARES_WATCHED} ? 100000 : 20000 };

# SQLSTATE of a statement whose time is up
use constant QUERY_CANCELED => '57014';

my @traces = qw(log sequences advisory_locks settings row_locks);

# Options: ahead and plain, settings of either session instead of look-ahead on and
# off; tables, a file of SQL for each; tolerate, a list; patience, in ms, instead of
# TIME_PLAIN
sub new
{
	my ($class, $node, %options) = @_;
	my @tables = map { slurp_file("$FindBin::Bin/../$_") } 'lookahead/effects.sql', $options{tables} // 'fuzz/tables.sql';
	my $self = bless { counts => {}, tolerated => {}, tolerate => { map { $_ => 1 } @{ $options{tolerate} // [] } },
		time => { plain => $options{patience} // TIME_PLAIN, ahead => TIME_AHEAD } }, $class;
	my %lookahead = (plain => $options{plain} // 'pgcares.lookahead=off', ahead => $options{ahead} // 'pgcares.lookahead=on');

	foreach my $which (qw(plain ahead))
	{
		$node->safe_psql('postgres', "CREATE DATABASE $which");
		$node->safe_psql($which, 'CREATE EXTENSION pgcares');
		$self->{$which} = Session->new($node, dbname => $which, options =>
			"-c client_min_messages=notice -c track_functions=all -c fuzz.a= -c fuzz.b= -c fuzz.began=3 -c $lookahead{$which}");
		$self->{$which}->text($_) foreach @tables, 'SELECT find_lookups()';
	}

	$self->{written} = $self->{plain}->text(q{SELECT string_agg(relname, ', ') FROM pg_class WHERE relname IN ('log', 'queue', 'changed', 'added')});

	# read the files that are read once and kept
	$self->both(sub { q{SELECT count(dns_lookup('shop.example', 0, 'ignore'))} });
	$self->{at_first}{$_} = $self->resources($_) foreach qw(plain ahead);
	$self->{traces} = $self->traces;
	return $self;
}

# Runs a statement in both; returns the difference as text.
sub difference
{
	my ($self, $statement) = @_;
	my $before = $self->{traces};
	my $results = $self->{results} = $self->run($statement, qw(plain ahead));

	return "the connection was closed\n" if $results->{ahead}{ended};
	my $is_counted = $self->counted($results->{plain});
	$self->{traces} = $self->traces;
	# dead rows must not make tables, and so plans, differ
	$self->both(sub { "VACUUM $self->{written}" }) if $results->{plain}{error} || $results->{ahead}{error};
	return '' if !$is_counted;

	$self->{asked} = $self->asked($before);
	return $self->different_results($statement) || $self->different_traces($statement) || $self->different_demand($statement);
}

# Runs it in some of the sessions, each in its initial state; returns the results.
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
	my ($text, $kind) = Difference::of_results(@{ $self->{results} }{qw(plain ahead)}, $statement);

	return !defined $text || $self->tolerates($statement, $kind) ? '' : $text;
}

# The log, sequences, locks and settings
sub different_traces
{
	my ($self, $statement) = @_;
	my $failed = $self->{results}{plain}{error} && $self->{results}{ahead}{error};
	my ($text, $kind) = Difference::of_traces(@{ $self->{traces} }{qw(plain ahead)}, $failed, @traces);

	return !defined $text || $self->tolerates($statement, $kind) ? '' : $text;
}

# Is this kind of difference tolerated? It is counted in any case.
sub tolerates
{
	my ($self, $statement, $kind) = @_;

	return 0 if !defined $kind;
	$self->{tolerated}{$kind}{ $statement->{shape} }++;
	return $self->{tolerate}{$kind} || $self->{tolerate}{all};
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

# Numbers of questions and calls of the calm form of a statement without look-ahead;
# undefined if it fails too
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

# Numbers of questions and calls since a time, by session
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

# The traces that a statement has left, by session
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

# Sends to both, or to one of them, the SQL or the steps that a function returns for
# each, so that both work at the same time; returns the results.
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

# The result of a session. A statement that takes too long without look-ahead is
# cancelled.
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

# Counts the outcome of a statement without look-ahead; true if it can be compared
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

# The number of calls that the plan of the last statement looks ahead for, each as
# often as the plan has it; undefined if it cannot be explained
sub calls_ahead
{
	my ($self, $statement) = @_;
	my $result;

	return undef if !defined $statement->{query};
	$result = $self->{ahead}->query("ROLLBACK; EXPLAIN (COSTS OFF, FORMAT json) $statement->{query}");
	return undef if $result->{error};
	return scalar map { m{"Look-ahead": \[([^\n]*)\]}g ? split(/", "/, $1) : () } map { split /\n/, $_->[0] } @{ $result->{rows} };
}

# The resources of an idle session: descriptors, internet sockets, memory contexts of
# pgcares. Contexts that end with a user's new function are not there each time.
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

# The resources that were not there at first, one line each
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
