# Batches for the TAP tests, and the queries that the misbehaving server saw.
#
#   my $batch = Batch->run($server, $session, q{'delay50'}, 1000, max_in_flight => 10);
#   $batch->{statuses}              { NOERROR => 1000 }
#   $batch->most_at_once(0.05)      10
#
# A batch asks for A records of names below a zone of its own. An SQL expression
# makes the first labels of name number g, which choose the server's behaviour.
# The settings are those of pgcares, for this batch only.

package Batch;

use strict;
use warnings;
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(time);
use Session;

my $zones = 0;

# The SQL for an array of this many names, and their zone
sub names
{
	my ($class, $labels, $count) = @_;
	my $zone = 'z' . ++$zones . '.example';

	return ("ARRAY(SELECT $labels || '.n' || g || '.$zone' FROM generate_series(1, $count) g)", $zone);
}

# Runs one batch and returns:
#   state      SQLSTATE
#   error      the fields of the error, if there was one
#   seconds    how long it took
#   statuses   how many questions have which status
#   queries    the queries that the server saw, as NameServer::log() returns them
#   times      how often each name was asked
#   stats      the increase of each counter of dns_stats()
sub run
{
	my ($class, $server, $session, $labels, $count, %settings) = @_;
	my ($names, $zone) = $class->names($labels, $count);
	my @settings = map { "pgcares.$_" } sort keys %settings;
	my %before = stats($session);

	$server->forget;
	$session->text("SET pgcares.$_ = '$settings{$_}'") foreach sort keys %settings;
	my $start = time;
	my $result = $session->query("SELECT status, count(DISTINCT ord) FROM dns_query_many($names) GROUP BY status");
	$session->text("RESET $_") foreach @settings;

	my %after = stats($session);
	my @queries = grep { $_->{name} =~ /\.\Q$zone\E$/ } $server->log;
	my %times;
	$times{ $_->{name} }++ foreach @queries;

	return bless {
		state => Session::sqlstate_of($result),
		error => $result->{error},
		seconds => $result->{time} - $start,
		statuses => { map { @$_ } @{ $result->{rows} } },
		queries => \@queries,
		times => \%times,
		stats => { map { $_ => $after{$_} - $before{$_} } keys %after } }, $class;
}

# Seconds between the first two queries for each name that was asked again
sub waits
{
	my ($self) = @_;
	my %sent;

	push @{ $sent{ $_->{name} } }, $_->{time} foreach @{ $self->{queries} };
	return map { $_->[1] - $_->[0] } grep { @$_ > 1 } values %sent;
}

sub stats
{
	my ($session) = @_;
	return map { split /\|/ } split /\n/, $session->text('SELECT counter, value FROM dns_stats()');
}

# The most questions that the server had open at once, if it had each open for at
# least this many seconds
sub most_at_once
{
	my ($self, $seconds) = @_;
	my %seen;

	return most_within($seconds, grep { !$seen{"$_->{name} $_->{type}"}++ } @{ $self->{queries} });
}

# The most queries that one port sent within this many seconds. The system can give
# out a closed port again.
sub most_of_a_port
{
	my ($self, $seconds) = @_;
	my %queries;

	push @{ $queries{"$_->{transport} $_->{sport}"} }, $_ foreach @{ $self->{queries} };
	return max map { most_within($seconds, @$_) } values %queries;
}

sub most_within
{
	my ($seconds, @queries) = @_;
	my ($most, $first) = (0, 0);

	foreach my $last (0 .. $#queries)
	{
		$first++ while $queries[$first]{time} <= $queries[$last]{time} - $seconds;
		$most = max($most, $last - $first + 1);
	}
	return $most;
}

# How many ports the queries came from
sub ports
{
	my ($self) = @_;
	my %ports = map { ("$_->{transport} $_->{sport}" => 1) } @{ $self->{queries} };

	return scalar keys %ports;
}

# From the first query to the last, in seconds
sub seconds_to_ask
{
	my ($self) = @_;
	return $self->{queries}[-1]{time} - $self->{queries}[0]{time};
}

# Tests that all questions have a record, that their number is right, and that each was
# asked once. A name server that waits for a processor seems to lose some queries, which
# are asked again: a few of many are no failure, except with PGCARES_DEEP.
sub all_succeed
{
	my ($self, $count, $what) = @_;

	is($self->{state}, '00000', "$what: no error") or diag(explain($self->{error}));
	is_deeply($self->{statuses}, { NOERROR => $count }, "$what: all succeed") or diag(explain($self->{statuses}));
}

sub asked_once
{
	my ($self, $count, $what) = @_;

	# the budget of early second queries, which a busy machine can use up
	my $again = $ENV{PGCARES_DEEP} ? 0 : 20 + int 0.01 * $count;

	is(scalar keys %{ $self->{times} }, $count, "$what: all were asked");
	cmp_ok(scalar @{ $self->{queries} }, '<=', $count + $again, '... once');
	cmp_ok($self->{stats}{resends}, '<=', $again, '... and none seemed lost');
}

1;
