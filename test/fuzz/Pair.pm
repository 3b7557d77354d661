# Two sessions that run the same statements, one of them with look-ahead.
#
#   my $pair = Pair->new($node);            makes the tables of each
#   my $text = $pair->difference($statement);   '' if they agree
#   my @left = $pair->left;                 what statements have left behind
#   $pair->{counts}                         of statements, by what came of them
#
# What is compared are rows, errors and notices, in the order that Statements
# promises. A statement that takes the session without look-ahead too long is
# left out, and counted; the other one has more time.
#
# A statement with several calls may have their notices in another order, since
# some of them are made for rows that are read ahead; so another of them may be
# the first that fails, and where not all rows are wanted, there may be notices
# and errors of rows that would not have been reached. Where there are parallel
# workers, which of them fails is left to them.

package Pair;

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Utils;
use Session;

# What a statement may take, in ms, without look-ahead and with it
use constant { TIME_PLAIN => 2000, TIME_AHEAD => 20000 };

# SQLSTATE of a statement whose time was up
use constant QUERY_CANCELED => '57014';

# Options: ahead and plain, settings of either session in place of those for
# look-ahead on and off
sub new
{
	my ($class, $node, %options) = @_;
	my $tables = slurp_file("$FindBin::Bin/../fuzz/tables.sql");
	my $self = bless { counts => {}, time => { plain => TIME_PLAIN, ahead => TIME_AHEAD } }, $class;
	my %lookahead = (plain => $options{plain} // 'pgcares.lookahead=off', ahead => $options{ahead} // 'pgcares.lookahead=on');

	foreach my $which (qw(plain ahead))
	{
		$self->{$which} = Session->new($node, options => "-c search_path=$which,public -c client_min_messages=notice -c $lookahead{$which}");
		$self->{$which}->text("CREATE SCHEMA $which");
		$self->{$which}->text($tables);
	}

	# what is read once, and stays
	$self->both(sub { q{SELECT count(dns_lookup(name, 0, 'ignore')) FROM few} });
	$self->{at_first}{$_} = $self->resources($_) foreach qw(plain ahead);
	return $self;
}

# Run a statement in both; how they differ, as text.
sub difference
{
	my ($self, $statement) = @_;
	my @settings = ('ROLLBACK', 'DEALLOCATE ALL', 'RESET ALL', map { "SET $_" } @{ $statement->{settings} });
	my $results = $self->both(sub { join ';', @settings, "SET statement_timeout = $self->{time}{$_[0]}" });

	foreach my $which (qw(plain ahead))
	{
		die "cannot set: $results->{$which}{error}{M}\n" if $results->{$which}{error};
	}
	$results = $self->both(sub { $statement->{sql} });
	return '' if !$self->counted($results->{plain});

	return '' if $self->may_fail_otherwise($statement, $results);

	my %lines = map { $_ => [ result_lines($results->{$_}, $statement) ] } qw(plain ahead);
	return first_difference(@lines{qw(plain ahead)}) // '';
}

# Is it a failure of one call in place of another one?
sub may_fail_otherwise
{
	my ($self, $statement, $results) = @_;
	my ($plain, $ahead) = map { $results->{$_}{error} } qw(plain ahead);
	my $may = $statement->{called} > 1 && $ahead && $ahead->{C} =~ /^(?:ND...|22023|22012)$/
	  && ($plain ? $plain->{M} ne $ahead->{M} : $statement->{stops_early});

	$self->{counts}{'other failure'}++ if $may;
	return $may;
}

# Send to both what a function says for each, so that both work at a time; what
# came of it.
sub both
{
	my ($self, $sql) = @_;

	$self->{$_}->send($sql->($_)) foreach qw(plain ahead);
	return { map { $_ => $self->{$_}->result } qw(plain ahead) };
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
	my @notices = map { message_text($_) } @{ $result->{notices} };

	return 'the connection was closed' if $result->{ended};

	# rows that were sent before an error count for nothing
	if ($result->{error})
	{
		@notices = () if $statement->{called} > 1;
		return $compare eq 'exact' ? (@notices, message_text($result->{error})) : $result->{error}{C};
	}
	return scalar(@rows) . ' rows' if $compare eq 'count';
	@notices = sort @notices if $statement->{called} > 1;
	@notices = () if $statement->{called} > 1 && $statement->{stops_early};
	@rows = sort @rows if $compare eq 'sorted';
	return map { split /\n/ } @rows, @notices;
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

# Is there a look-ahead node in the plan of the last statement? Undefined if it
# cannot be explained.
sub is_looked_ahead
{
	my ($self, $statement) = @_;
	my $result;

	return undef if !defined $statement->{query};
	$result = $self->{ahead}->query("ROLLBACK; EXPLAIN (COSTS OFF) $statement->{query}");
	return undef if $result->{error};
	return scalar grep { $_->[0] =~ /Look-ahead/ } @{ $result->{rows} };
}

# What a session holds when nothing is under way: descriptors, sockets of the
# internet, memory contexts of ours
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
			"SELECT name, count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'pgcares%' GROUP BY name ORDER BY name")
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
