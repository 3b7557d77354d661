# Answers of one length that come together are read as one datagram, where the system can
# do that (UDP_GRO), and still each question gets its own answer: if the last one is
# shorter, and if some between them are forged, cut or empty.
#
# The server sends many answers with one call, which the system would otherwise cut to
# pieces (UDP_SEGMENT).
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Socket qw(IPPROTO_UDP SOL_SOCKET SO_RCVBUF);
use Test::More;
use Wire;

# As in linux/udp.h
use constant { UDP_SEGMENT => 103, UDP_GRO => 104, MOST_PIECES => 64 };

use constant { COUNT => 500, GATHER => 0.02, PATIENCE => 5 };

# The messages that a list of sound answers of one length becomes
my %ways = (
	plain => sub { @_ },
	shorter => sub { @_, 'too short' },
	forged => sub { map { (pack('n', 1 ^ unpack 'n', $_) . substr($_, 2, -4) . "\x01\x02\x03\x04", $_) } @_ },
	cut => sub { map { (substr($_, 0, 12) . "\xff" x (length($_) - 12), $_) } @_ },
	twice => sub { map { ($_, $_) } @_ },
	reversed => sub { reverse @_ },
	empty => sub { @_, '' });

my $udp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp') or BAIL_OUT("cannot make a socket: $!");
$udp->setsockopt(SOL_SOCKET, SO_RCVBUF, 4 << 20);
plan skip_all => 'the system does not hand over datagrams together' if !comes_together();

# Does the system hand over what is sent together as one datagram?
sub comes_together
{
	my $to = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp');

	setsockopt($to, IPPROTO_UDP, UDP_GRO, pack 'i', 1) or return 0;
	setsockopt($udp, IPPROTO_UDP, UDP_SEGMENT, pack 'i', 3) or return 0;
	send($udp, 'onetwo', 0, $to->sockname);
	IO::Select->new($to)->can_read(PATIENCE) or return 0;
	recv($to, my $both, 100, 0);
	return $both eq 'onetwo';
}

# A sound answer: the address is the number in the name.
sub answer
{
	my ($query) = @_;
	my ($number) = $query->{labels}[0] =~ /(\d+)$/;

	return Wire::message($query, answer => [ Wire::record("\xC0\x0C", 1, pack 'N', $number) ]);
}

# Sends messages, those of one length and perhaps a shorter one with one call.
sub send_together
{
	my ($peer, @messages) = @_;

	while (@messages)
	{
		my @together = shift @messages;

		push @together, shift @messages
		  while @messages && @together < MOST_PIECES && length $messages[0] == length $together[0];
		push @together, shift @messages
		  if @messages && @together < MOST_PIECES && length $messages[0] < length $together[0] && length $messages[0];
		setsockopt($udp, IPPROTO_UDP, UDP_SEGMENT, pack 'i', @together > 1 ? length $together[0] : 0);
		send($udp, join('', @together), 0, $peer);
	}
}

# Answers the questions that have come within a while, in the way that their names say.
sub serve
{
	while (1)
	{
		my %answers;

		IO::Select->new($udp)->can_read;
		while (IO::Select->new($udp)->can_read(GATHER))
		{
			my $peer = recv($udp, my $octets, 1000, 0) // last;
			my $query = Wire::read_query($octets) or next;
			my $answer = answer($query);

			push @{ $answers{$peer}{ $query->{labels}[1] }{ length $answer } }, $answer;
		}
		foreach my $peer (keys %answers)
		{
			foreach my $way (keys %{ $answers{$peer} })
			{
				send_together($peer, $ways{$way}->(@{ $answers{$peer}{$way}{$_} }))
				  foreach sort keys %{ $answers{$peer}{$way} };
			}
		}
	}
}

my $pid = fork // die "cannot fork: $!\n";
if ($pid == 0)
{
	eval { serve() };
	POSIX::_exit(1);
}
my $node = Session->cluster(['127.0.0.1:' . $udp->sockport], "pgcares.timeout = '2s'", 'pgcares.tries = 20');
my $session = Session->new($node);

foreach my $way (sort keys %ways)
{
	my $count = COUNT;
	my $names = "ARRAY(SELECT repeat('n', g % 3 + 1) || g || '.$way.example' FROM generate_series(1, $count) g)";

	is($session->text("
		SELECT count(*), count(*) FILTER (WHERE status = 'NOERROR' AND rdata::inet = '0.0.0.0'::inet + ord)
		FROM dns_query_many($names)"),
		"$count|$count", "$way: each question gets its answer");
}
is($session->text("SELECT value > 0 FROM dns_stats() WHERE counter = 'ignored'"), 't', 'forged answers are ignored');

END
{
	local $?;
	kill 'TERM', $pid if $pid;
	waitpid $pid, 0 if $pid;
}

done_testing();
