# A name server whose answers are broken in as many ways as possible.
#
#   my $server = Hostile->start(seed => 7, records => { 16 => ["\5hello"], ... });
#   ... ask $server->address for n1.example, n2.example, ... of these types ...
#   my $served = $server->stop;       how many answers were broken
#
# The answer to a question depends on the seed, the first number in its name, its
# type and class, whether it has EDNS, and the transport. Answers are sound ones,
# changed: bits, octets, counts, pointers, parts cut out, put in or doubled; or
# octets at random. Behind each message that is no answer to the question comes
# one that is, so that no client has to wait. Forged answers have records with the
# TTL of FORGED, and nothing else has that.

package Hostile;

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(SOL_SOCKET SO_RCVBUF SOMAXCONN);
use Wire;

use constant FORGED => 0x29a29a;
use constant { TTL => 300, OPT => "\0" . pack('nnNn', 41, 1232, 0, 0), ASKED => "\xC0\x0C" };

my ($seed, $records, $broken);

# Numbers that are limits of something, and parts of messages
my @limits = map { pack 'H*', $_ } qw(00 ff 3f 40 c0 c00c 0000 ffff 0001 8000 c000 0029);

# Each changes a message from an offset on.
my @changes = (
	sub { substr($_[0], place(@_), 1) = chr rand 256 },
	sub { my $at = place(@_); substr($_[0], $at, 1) = substr($_[0], $at, 1) ^ chr(1 << rand 8) },
	sub { my $limit = $limits[ rand @limits ]; substr($_[0], place(@_), length $limit) = $limit },
	sub { substr($_[0], place(@_), rand 12) = '' },
	sub { my $at = place(@_); substr($_[0], $at, 0) = substr($_[0], place(@_), rand 40) },
	sub { substr($_[0], place(@_), 0) = octets(rand 12) },
	sub { substr($_[0], place(@_)) = '' },
	sub { $_[0] .= octets(1 + rand 20) },
	sub { substr($_[0], place(@_), 2) = pack('n', 0xc000 | rand length $_[0]) });

# Random changes to the parts of a sound answer
my @ways = (
	sub { changed(sound(@_), body(@_)) },
	sub { changed(sound(@_), body(@_)) },
	sub { changed(sound(@_), body(@_)) },
	sub { changed(sound(@_), 0) },
	sub { my $message = sound(@_); substr($message, 6 + 2 * int rand 3, 2) = pack('n', rand 4); $message },
	sub { my $message = sound(@_); substr($message, 6 + 2 * int rand 3, 2) = pack('n', rand 65536); $message },
	sub { my $message = sound(@_); substr($message, 2, 2) = pack('n', 0x8000 | rand 0x800); $message },
	sub { sound(@_, [ octets(rand 60) ]) },
	sub { header(@_, rand 3, rand 2, rand 2) . octets(rand 200) },
	\&forged,
	\&forged,
	sub { my ($id) = @_; pack('n', $id ^ 1 + rand 65535) . octets(rand 80) },
	sub { octets(rand 12) });

sub start
{
	my ($class, %options) = @_;
	my ($udp, $tcp) = open_sockets();

	pipe(my $control, my $to) or die "cannot make a pipe: $!\n";
	pipe(my $from, my $report) or die "cannot make a pipe: $!\n";
	my $pid = fork // die "cannot fork: $!\n";
	if ($pid == 0)
	{
		($seed, $records, $broken) = (@options{qw(seed records)}, 0);
		close $to;
		close $from;
		serve($udp, $tcp, $control);
		syswrite $report, "$broken\n";
		POSIX::_exit(0);
	}
	close $control;
	close $report;
	return bless { owner => $$, pid => $pid, to => $to, from => $from, port => $udp->sockport }, $class;
}

sub address
{
	my ($self) = @_;
	return "127.0.0.1:$self->{port}";
}

# End the server; returns the number of broken messages that it sent.
sub stop
{
	my ($self) = @_;

	return if ($self->{owner} // 0) != $$;
	delete $self->{owner};
	close $self->{to};
	local $?;
	waitpid $self->{pid}, 0;
	sysread($self->{from}, my $line, 100) or die "the hostile name server has died\n";
	return $line + 0;
}

sub DESTROY
{
	my ($self) = @_;
	eval { $self->stop };
}

sub open_sockets
{
	foreach (1 .. 50)
	{
		my $tcp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'tcp', Listen => SOMAXCONN, Blocking => 0)
		  or die "cannot make a socket: $!\n";
		my $udp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $tcp->sockport, Proto => 'udp',
			Blocking => 0) or next;
		$udp->setsockopt(SOL_SOCKET, SO_RCVBUF, 4 << 20);
		return ($udp, $tcp);
	}
	die "no port is free\n";
}

# Answers everything until the other end of the pipe is closed.
sub serve
{
	my ($udp, $tcp, $control) = @_;
	my $select = IO::Select->new($udp, $tcp, $control);
	my %in;

	$SIG{PIPE} = 'IGNORE';
	while (1)
	{
		foreach my $socket ($select->can_read)
		{
			if ($socket == $control) { return }
			elsif ($socket == $udp)
			{
				while (defined(my $peer = recv($udp, my $query, 1000, 0)))
				{
					send($udp, $_, 0, $peer) foreach answers($query, 0);
				}
			}
			elsif ($socket == $tcp) { $select->add(scalar $tcp->accept // next) }
			elsif (!take_frames($socket, \$in{$socket}))
			{
				delete $in{$socket};
				$select->remove($socket);
				$socket->close;
			}
		}
	}
}

# Answers the queries that came over a connection; false at its end.
sub take_frames
{
	my ($socket, $in) = @_;

	$$in //= '';
	sysread($socket, $$in, 65536, length $$in) or return 0;
	my $out = '';
	while (length $$in >= 2 && length $$in >= 2 + unpack('n', $$in))
	{
		my $query = unpack('n/a*', $$in);

		substr($$in, 0, 2 + length $query) = '';
		$out .= join '', map { pack('n/a*', $_) } answers($query, 1);
	}
	$socket->blocking(1);
	return !length $out || defined syswrite($socket, $out);
}

# The messages for a query. Names have no zeros in them.
sub answers
{
	my ($query, $tcp) = @_;
	my ($id, $edns) = unpack('n x8 n', $query);
	my $question = substr($query, 12, index($query, "\0", 12) + 5 - 12);
	my ($type, $class) = unpack('n2', substr($question, -4));
	my ($number) = $question =~ /n(\d+)/;

	srand(($seed * 7919 + ($number // 0) * 2654435761 + $type * 40503 + $class + 2 * $edns + $tcp) & 0xffffffff);
	my @parts = ($id, $question, $type, $class, $edns);
	my $message = $ways[ rand @ways ]->(@parts);
	$broken++;
	return belongs($message, @parts) ? $message : ($message, sound(@parts));
}

# Is a message an answer to the question? Failures without records need not repeat
# it.
sub belongs
{
	my ($message, $id, $question) = @_;
	return 0 if length $message < 12;
	my ($given, $flags, $questions, $answers, $authorities) = unpack('n5', $message);

	return 0 if $given != $id || ($flags & 0xf800) != 0x8000;
	return ($flags & 0x20f) =~ /^[1245]$/ && $answers + $authorities == 0 if $questions == 0;
	return substr($message, 12, length $question) eq $question;
}

# The offset of the server's own part: most of the header is the client's.
sub body
{
	my (undef, $question) = @_;
	return 12 + length $question;
}

sub header
{
	my ($id, $question, undef, undef, undef, @counts) = @_;
	return pack('n6', $id, 0x8180, 1, @counts) . $question;
}

# An answer as it should be, with a record of the type that was asked for, or with
# these data; an alias before it at times.
sub sound
{
	my ($id, $question, $type, $class, $edns, $given, $ttl) = @_;
	my $known = $given // $records->{$type} // ["\1x"];
	my @data = map { $known->[ rand @$known ] } 0 .. rand 2;
	my $alias = rand 8 < 1 && $type != 5;
	my $owner = $alias ? "\1c" . ASKED : ASKED;

	return pack('n6', $id, 0x8180, 1, @data + $alias, 0, $edns) . $question
	  . ($alias ? ASKED . pack('nnNn/a*', 5, $class, TTL, $owner) : '')
	  . join('', map { $owner . pack('nnNn/a*', $type, $class, $ttl // TTL, $_) } @data)
	  . ($edns ? OPT : '');
}

# One that answers another question, or none at all
sub forged
{
	my ($id, $question, @rest) = @_;
	my $message = sound($id, $question, @rest, undef, FORGED);
	my @fakes = (
		sub { substr($message, 0, 2) = pack('n', $id ^ 1 + rand 65535) },
		sub { substr($message, 2, 1) = chr rand 128 },
		sub { substr($message, 2, 1) = chr(0x88 | rand 128) },
		sub { substr($message, 4, 2) = "\0\0" },
		sub { substr($message, 13, 1) = chr(ord(substr($message, 13, 1)) ^ 1) },
		sub { my $at = 10 + length($question) - 2 * int rand 2; substr($message, $at, 2) = "\1\x23" });

	$fakes[ rand @fakes ]->();
	return $message;
}

# A message after a few changes from an offset on
sub changed
{
	my ($message, $from) = @_;

	foreach (0 .. rand 3)
	{
		$changes[ rand @changes ]->($message, $from) if length $message > $from;
	}
	return $message;
}

sub place
{
	my ($message, $from) = @_;
	return $from + int rand(length($message) - $from);
}

sub octets
{
	my ($count) = @_;
	return pack 'C*', map { rand 256 } 1 .. $count;
}

1;
