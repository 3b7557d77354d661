# For every behaviour of a name server, a statement ends: by its deadline or timeout,
# and soon after somebody cancels it or ends its backend.
#
# The table has every behaviour that the misbehaving server knows, over UDP and TCP, in
# each way to ask: a lookup, a batch, LATERAL with look-ahead, a whole message from a
# server of choice. PGCARES_DEEP tries all of them. Otherwise each behaviour is tried over
# both transports in one way, floods over their own transport in all ways; and a
# statement that lasts is either cancelled, or its backend is ended.
# Once: no version of PostgreSQL changes this.
# Alone: statements must end within half a second.

use strict;
use warnings;
use Behaviour;
use IO::Select;
use List::Util qw(max shuffle);
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(time);

# Names of a batch; sessions that ask at the same time: fewer for floods, which leave
# less processor time
use constant { NAMES => 300, SESSIONS => 10, FLOODED => 6 };

# In seconds: the limits of a statement; the time when it must be over; the same after
# somebody ends it; the time that a busy machine, or a checker, can add
use constant { DEADLINE => 1, TIMEOUT => 2, OVER_WITHIN => 2.5, END_WITHIN => 0.5 };
use constant SLACK => $ENV{PGCARES_WATCHED} ? 20 : 0;

# Seconds after which it is ended; a statement is worth ending if it lasts LASTS
use constant { END_AFTER => 0.25, LASTS => 0.9 };

my %way = (
	lookup => q{SELECT count(*) FROM dns_a('LABEL.n0.ZONE', 'ignore')},
	batch => sprintf(q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'LABEL.n' || g || '.ZONE' FROM generate_series(1, %d) g))}, NAMES),
	LATERAL => sprintf(q{SELECT count(*) FROM generate_series(1, %d) g LEFT JOIN LATERAL dns_a('LABEL.n' || g || '.ZONE', 'ignore') ON true}, NAMES),
	message => q{SELECT status FROM dns_message_at('SERVER', 'LABEL.n0.ZONE')});
my @ways = sort keys %way;
my @transports = (UDP => 'off', TCP => 'on');

my %server = (normal => NameServer->misbehaving);
$server{$_} = NameServer->misbehaving(mode => $_) foreach Behaviour::modes();
my $node = Session->cluster([ $server{normal} ], 'max_connections = 30');
my $control = Session->new($node);

# ---- The table

my @cases;
my @behaviours = ((map { [ normal => $_ ] } Behaviour::labels()), map { [ $_ => $_ ] } Behaviour::modes());
foreach my $number (0 .. $#behaviours)
{
	my ($server, $label) = @{ $behaviours[$number] };

	foreach my $transport (0, 1)
	{
		my $floods = exists $Flood::label{$label} && $transport == ($label =~ /^tcp/ ? 1 : 0);
		my @chosen = $ENV{PGCARES_DEEP} || $floods ? @ways : $ways[ ($number + $transport) % @ways ];

		push @cases, map { +{
			what => "$label, $transports[2 * $transport], $_", label => $label, server => $server{$server}, way => $_,
			tcp => $transports[ 2 * $transport + 1 ], floods => exists $Flood::label{$label} } } @chosen;
	}
}
cmp_ok(scalar @cases, '>=', 2 * Behaviour::labels(), 'every behaviour is in the table');

my $zones = 0;

# The statement of a case, in a zone of its own
sub statement_of
{
	my ($case) = @_;
	my ($address, $zone) = ($case->{server}->address, 'e' . ++$zones . '.example');

	return "SET pgcares.servers = '$address'; SET pgcares.tcp = $case->{tcp}; "
	  . ($way{ $case->{way} } =~ s/LABEL/$case->{label}/r =~ s/ZONE/$zone/r =~ s/SERVER/$address/r);
}

# Runs cases, several at a time, floods by themselves. After END_AFTER the function, if
# there is one, gets the session and ends it. Returns pairs of case and result, with the
# seconds since then, or since the beginning.
sub run
{
	my ($options, $end, @run) = @_;

	return (run_some(FLOODED, $options, $end, shuffle grep { $_->{floods} } @run),
		run_some(SESSIONS, $options, $end, shuffle grep { !$_->{floods} } @run));
}

sub run_some
{
	my ($sessions, $options, $end, @queue) = @_;
	my (@free, %busy, @done);

	while (@queue || %busy)
	{
		while (@queue && keys %busy < $sessions)
		{
			my $session = pop @free // Session->new($node, options => $options);
			my $case = shift @queue;

			$session->send(statement_of($case));
			$busy{$session} = { session => $session, case => $case, start => time, limit => time + 30 };
		}
		my @waiting = map { $_->{session}{socket} } values %busy;
		IO::Select->new(@waiting)->can_read(0.02);
		foreach my $one (values %busy)
		{
			my $now = time;
			my $session = $one->{session};

			if ($end && !$one->{ended} && $now > $one->{start} + END_AFTER)
			{
				$end->($session->pid);
				$one->{ended} = $one->{start} = time;
			}
			if ($session->has_result)
			{
				my $result = $session->result;
				$result->{seconds} = $now - $one->{start};
				push @done, [ $one->{case}, $result, $one->{ended} ];
				push @free, $session if !$result->{ended} && !$one->{ended};
				delete $busy{$session};
			}
			elsif ($now > $one->{limit})
			{
				# do not even wait for the end of its backend
				kill 'KILL', $session->pid;
				push @done, [ $one->{case}, { seconds => 999, rows => [] }, 0 ];
				return @done;
			}
		}
	}
	return @done;
}

# Tests that none of them took longer.
sub none_longer
{
	my ($limit, $what, @done) = @_;
	my @long = map { sprintf '%s: %.2f s', $_->[0]{what}, $_->[1]{seconds} } grep { $_->[1]{seconds} > $limit + SLACK } @done;
	my $longest = max 0, map { $_->[1]{seconds} } @done;

	is_deeply(\@long, [], $what);
	note(sprintf '%s: %d cases, the longest took %.2f s', $what, scalar @done, $longest);
}

# ---- Limits

my $limits = sprintf '-c pgcares.deadline=%ds -c statement_timeout=%ds', DEADLINE, TIMEOUT;
my @done = run($limits, undef, @cases);

is(scalar @done, scalar @cases, 'every statement ends');
none_longer(OVER_WITHIN, 'by its limits', @done);
my @odd = map { "$_->[0]{what}: $_->[1]{error}{C} $_->[1]{error}{M}" }
  grep { $_->[1]{error} && $_->[1]{error}{C} ne '57014' } @done;
is_deeply(\@odd, [], '... without an error other than the timeout');

# ---- Without limits, ended from outside

my @lasting = map { $_->[0] } grep { $_->[1]{seconds} > LASTS } @done;
foreach my $number (0, 1)
{
	my %state = (pg_cancel_backend => '57014', pg_terminate_backend => '57P01');
	my $function = (sort keys %state)[$number];
	my @chosen = map { $lasting[$_] } grep { $ENV{PGCARES_DEEP} || $_ % 2 == $number } 0 .. $#lasting;
	@done = run('-c pgcares.timeout=5s', sub { $control->text("SELECT $function($_[0])") }, @chosen);

	is(scalar @done, scalar @chosen, "$function: every statement ends");
	my @ended = grep { $_->[2] } @done;
	none_longer(END_WITHIN, "$function: soon", @ended);
	# a statement can have ended just before
	my @others = map { "$_->[0]{what}: " . Session::sqlstate_of($_->[1]) }
	  grep { Session::sqlstate_of($_->[1]) !~ /^(?:$state{$function}|00000)$/ } @ended;
	is_deeply(\@others, [], '... for this reason');
}
is($control->text(q{SELECT host(address) FROM dns_a('sound.example')}), '192.0.2.1', 'the server goes on');
done_testing();
