# A question has the same outcome whether it is asked alone, where the library chooses the
# times of queries and the servers, or in bulk, where the burst does: the same status, the
# same records, over the same transport, with as many queries; in bulk at most one more,
# the early second one.
#
# Every behaviour of the misbehaving server is tried, with this server alone, and with a
# good one behind it; and combinations of two and three behaviours, by server, by query,
# with EDNS and over TCP, with three servers: some at random, with PGCARES_DEEP all. The
# seed is printed; with PGCARES_TEST_SEED, another run has the same ones.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use Behaviour;
use Combined;
use IO::Select;
use List::Util qw(shuffle);
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(time);

# Sessions that ask at the same time; combinations; the limit of a case, in seconds
use constant { SESSIONS => 6, COMBINED => 120, LIMIT => $ENV{PGCARES_WATCHED} ? 120 : 30 };

# Labels whose answers are not the same each time, or depend on other names
my %varies = map { $_ => 1 } qw(count echo room3 crowd3);

my $bad = NameServer->misbehaving;
my $good = NameServer->misbehaving(address => '127.0.0.2', mode => 'normal');
my @three = ($bad, map { NameServer->misbehaving(address => "127.0.0.$_") } 2, 3);
my $node = Session->cluster([$bad], "pgcares.timeout = '400ms'", 'pgcares.tries = 2', "pgcares.deadline = '5s'", "pgcares.edns_udp_size = '1232B'");

my $columns = 'status, rcode, tc, aa, transport, tries, answer::text, authority::text, ede_code';
my %way = (
	alone => "SELECT $columns FROM dns_message('NAME')",
	bulk => "SELECT $columns FROM dns_message_many(ARRAY['NAME'])");

my $seed = $ENV{PGCARES_TEST_SEED} // int rand 2**31;
srand $seed;
note("PGCARES_TEST_SEED=$seed");
my @combined = shuffle(Combined::combinations());
splice @combined, COMBINED if !$ENV{PGCARES_DEEP};

my @labels = grep { !$varies{$_} && !exists $Flood::label{$_} } Behaviour::labels();
my @queue;
add_cases($_, @labels) foreach [$bad], [ $bad, $good ];
add_cases(\@three, @combined);

# Puts cases of each way into the queue.
sub add_cases
{
	my ($servers, @those) = @_;
	my $addresses = join ', ', map { $_->address } @$servers;

	foreach my $label (@those)
	{
		my %case = (what => "$label, " . @$servers . (@$servers > 1 ? ' servers' : ' server'));

		# each way has names that nobody has asked before, as many octets long
		push @queue, map { {
			case => \%case, way => $_, zone => sprintf('%s%d.example', substr($_, 0, 1), 1000 + @queue),
			sql => "SET pgcares.servers = '$addresses'; SELECT dns_reset(); $way{$_}", label => $label } } sort keys %way;
	}
}

# An early second query has the answer that the first one was to have; or some servers are
# silent and one truncates: in bulk, TCP begins with the first server again.
my %uncounted = map { $_->{case}{what} => 1 } grep { $_->{label} =~ /\.drop2\.|(?:drop|noresponse|emptyquestion).*tc/ } @queue;
my @cases = map { $_->{case} } grep { $_->{way} eq 'alone' } @queue;

my (@free, %busy, @left);
while (@queue || %busy)
{
	while (@queue && keys %busy < SESSIONS)
	{
		my $one = shift @queue;

		$one->{session} = pop @free // Session->new($node);
		$one->{start} = time;
		$one->{session}->send($one->{sql} =~ s/NAME/$one->{label}.$one->{zone}/r);
		$busy{ $one->{session} } = $one;
	}
	IO::Select->new(map { $_->{session}{socket} } values %busy)->can_read(0.05);
	foreach my $one (grep { $_->{session}->has_result } values %busy)
	{
		my $result = $one->{session}->result;
		push @left, map { "$one->{case}{what}, $one->{way}: $_" } $one->{session}->inet_sockets;
		my @row = map { $_ // 'NULL' } @{ $result->{rows}[-1] // [] };

		# the name is the only thing that differs
		s/\Q$one->{zone}\E/ZONE.example/gi foreach @row;
		$one->{case}{ $one->{way} } = $result->{error} ? [ error => Session::sqlstate_of($result) ] : \@row;
		delete $busy{ $one->{session} };
		push @free, $one->{session};
	}
	die "a case does not end\n" if grep { time > $_->{start} + LIMIT } values %busy;
}

foreach my $case (@cases)
{
	my ($alone, $bulk) = @$case{qw(alone bulk)};
	my ($tries_alone, $tries_bulk) = map { @$_ > 5 ? splice @$_, 5, 1 : 0 } $alone, $bulk;

	is_deeply($bulk, $alone, "$case->{what}: the same outcome alone and in bulk");
	next if $uncounted{ $case->{what} };
	ok($tries_bulk >= $tries_alone && $tries_bulk <= $tries_alone + 1, '... with as many queries')
	  or diag("$tries_alone alone, $tries_bulk in bulk");
}
is_deeply(\@left, [], 'no statement leaves a socket');
done_testing();
