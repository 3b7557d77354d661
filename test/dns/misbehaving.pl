#!/usr/bin/perl
#
# A name server that behaves like no sound one: late, lost, forged, truncated and
# malformed answers, over UDP and TCP on one port. Behaviour.pm maps names to
# behaviours.
#
#   misbehaving.pl [--address 127.0.0.1] [--port 0] [--log FILE] [--udp-only]
#                  [--mode normal|silent|refuse|servfail|tcpslam|tcpdeaf|LABEL]
#
# It prints "ready PORT" when it is ready. A mode other than normal is a label that
# is put before every name, or a treatment of each connection. Each query is one line
# of the log, written before it is answered: key=value, separated by tabs. A line
# "sync" on a pipe as standard input gets "synced" when all earlier queries are logged.
#
# One loop serves everything and waits only in select: later actions are in a queue,
# by time.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Errno qw(EADDRINUSE);
use Getopt::Long;
use IO::Handle;
use IO::Select;
use IO::Socket::IP;
use POSIX ();
use Socket qw(:DEFAULT AI_NUMERICHOST IPPROTO_TCP TCP_NODELAY SHUT_WR SO_LINGER SO_RCVBUF inet_ntop
  unpack_sockaddr_in6);
use Time::HiRes qw(time);
use Behaviour;
use Wire;

# Datagrams that are read before anything else has its turn
use constant BURST => 500;

# Datagrams, and octets, that a flood sends before it checks whether a client is left
use constant { FLOOD_DATAGRAMS => 5000, FLOOD_OCTETS => 1_000_000 };

# Passes of the loop before a "sync" is answered: one for datagrams, one for
# connections, one for their messages
use constant SYNC_PASSES => 3;

my %mode_label = (normal => undef, silent => 'drop', refuse => 'rcode5', servfail => 'rcode2');
my ($address, $port, $mode, $log_file, $udp_only) = ('127.0.0.1', 0, 'normal', undef, 0);
GetOptions('address=s' => \$address, 'port=i' => \$port, 'mode=s' => \$mode, 'log=s' => \$log_file,
	'udp-only' => \$udp_only)
  or die "misbehaving.pl: see its first lines for the options\n";
my ($to_connections) = grep { $_ eq $mode } Behaviour::modes();
my $always = $to_connections ? 'tc' : exists $mode_label{$mode} ? $mode_label{$mode} : $mode;
die "misbehaving.pl: unknown mode \"$mode\"\n" if defined $always && !Behaviour::knows($always);

my ($udp, $tcp) = open_sockets();
my %elsewhere = (
	port => scalar udp_socket($address, 0),
	address => scalar other_address());

my $log;
if (defined $log_file)
{
	open($log, '>>', $log_file) or die "misbehaving.pl: cannot write \"$log_file\": $!\n";
}

my $readers = IO::Select->new($udp, $tcp // ());
my $writers = IO::Select->new;

# Connections by descriptor. Each has a socket, input that is not yet a whole query,
# output that is not yet sent, and the time until which a slow message occupies it.
my %connection;

# Later actions: [due, client, thing], the first due first
my @later;

# Answers that wait for more questions, by the end of these, then by question:
# [client, thing]
my %crowd;

# Things that are sent over connections one by one, without end, by descriptor:
# [client, thing]
my %dripping;

# UDP clients that are flooded, by port
my %flooded;

# Passes that are left until a "sync" is answered
my $sync;

# Only a pipe: a terminal would stop a process in the background.
$readers->add(\*STDIN) if -p STDIN;
$SIG{PIPE} = 'IGNORE';
STDOUT->autoflush(1);
print 'ready ', $udp->sockport, "\n";

while (1)
{
	my $wait = defined $sync || %dripping ? 0 : @later ? $later[0][0] - time : undef;
	my ($readable, $writable) = IO::Select->select($readers, $writers, undef, defined $wait && $wait < 0 ? 0 : $wait);

	foreach my $socket (@{ $readable // [] })
	{
		if ($socket == $udp) { take_datagrams() }
		elsif ($tcp && $socket == $tcp) { take_connection() }
		elsif ($socket == \*STDIN) { take_command() }
		else { take_stream($connection{ fileno $socket }) }
	}
	flush_stream($connection{ fileno $_ }) foreach grep { $_->opened } @{ $writable // [] };

	# the query of each answer is in the log
	$log->flush if $log;
	do_what_is_due();
	drip($_) foreach keys %dripping;
	answer_sync() if defined $sync;
}

# Binds UDP and TCP to one port: the given one, or any that is free for both.
sub open_sockets
{
	foreach (1 .. 50)
	{
		my $listener = $udp_only ? undef : tcp_socket($address, $port);
		my $socket = $udp_only || $listener ? udp_socket($address, $listener ? $listener->sockport : $port) : undef;
		return ($socket, $listener) if $socket;
		last if $port || $! != EADDRINUSE;
	}
	die "misbehaving.pl: cannot bind $address port $port: $!\n";
}

sub tcp_socket
{
	my ($host, $service) = @_;
	my $socket = IO::Socket::IP->new(LocalHost => $host, LocalPort => $service, GetAddrInfoFlags => AI_NUMERICHOST,
		Proto => 'tcp', Listen => 128, ReuseAddr => 1) or return;

	$socket->blocking(0);
	return $socket;
}

sub udp_socket
{
	my ($host, $service) = @_;
	my $socket = IO::Socket::IP->new(LocalHost => $host, LocalPort => $service, GetAddrInfoFlags => AI_NUMERICHOST,
		Proto => 'udp') or return;

	# as much as the system grants: tests send bursts
	$socket->setsockopt(SOL_SOCKET, SO_RCVBUF, 4 << 20);
	$socket->blocking(0);
	return $socket;
}

# A socket at another loopback address, 127.0.9.x for 127.0.0.x, at the same port if
# that is free. There is none for ::1.
sub other_address
{
	return if $address !~ /^127\.0\.\d+\.(\d+)$/;
	return udp_socket("127.0.9.$1", $udp->sockport) // udp_socket("127.0.9.$1", 0);
}

sub take_datagrams
{
	foreach (1 .. BURST)
	{
		my $from = recv($udp, my $octets, 65535, 0);
		return if !defined $from;
		take_query($octets, { transport => 'udp', peer => $from, name_of($from) });
	}
	# there can be more: not all that was sent before a "sync" is read yet
	$sync = SYNC_PASSES if defined $sync;
}

sub take_connection
{
	my $socket = $tcp->accept or return;
	my $peer = $socket->peername or return;

	return close $socket if ($to_connections // '') eq 'tcpslam';

	# messages in pieces must arrive in pieces, and at once
	$socket->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
	$socket->blocking(0);
	$connection{ fileno $socket } =
	  { transport => 'tcp', socket => $socket, in => '', out => '', busy => 0, held => [], name_of($peer) };
	$readers->add($socket) if ($to_connections // '') ne 'tcpdeaf';
}

# Reads a connection: parts of frames, or its end
sub take_stream
{
	my ($client) = @_;
	my $got = sysread($client->{socket}, my $octets, 65536);

	return if !defined $got && $!{EAGAIN};
	return drop_connection($client) if !$got;
	return if $client->{closing};

	$client->{in} .= $octets;
	while (length $client->{in} >= 2)
	{
		my $length = unpack('n', $client->{in});
		last if length $client->{in} < 2 + $length;
		take_query(substr(substr($client->{in}, 0, 2 + $length, ''), 2), $client);
	}
}

# Address and port of a client
sub name_of
{
	my ($packed) = @_;

	if (sockaddr_family($packed) == AF_INET)
	{
		my ($from_port, $from) = unpack_sockaddr_in($packed);
		return (src => inet_ntoa($from), sport => $from_port);
	}
	my ($from_port, $from) = unpack_sockaddr_in6($packed);
	return (src => inet_ntop(AF_INET6, $from), sport => $from_port);
}

# Logs a query, and puts its actions into the queue.
sub take_query
{
	my ($octets, $client) = @_;
	my $now = time;
	my $query = Wire::read_query($octets) // { octets => $octets };

	@$query{qw(time transport src sport to)} = ($now, @$client{qw(transport src sport)}, $address);
	log_query($query) if $log;
	return if !defined $query->{id};
	foreach my $thing (Behaviour::plan($query, $always))
	{
		next if defined $thing->{room} && @later >= $thing->{room};
		if ($thing->{crowd}) { join_crowd("$query->{type} " . lc $query->{name}, $now, $client, $thing) }
		else { schedule($now + ($thing->{after} // 0) / 1000, $client, $thing) }
	}
}

# Waits until there are enough questions of this kind; a question that is asked again
# counts once.
sub join_crowd
{
	my ($question, $now, $client, $thing) = @_;
	my ($count, $kind) = @{ $thing->{crowd} };

	$crowd{$kind}{$question} = [ $client, $thing ];
	return if keys %{ $crowd{$kind} } < $count;
	schedule($now + ($_->[1]{after} // 0) / 1000, @$_) foreach values %{ delete $crowd{$kind} };
}

# A message that is not a query has the type "junk" and no name.
sub log_query
{
	my ($query) = @_;
	my %line = (%$query, type => $query->{type_text} // 'junk', class => $query->{class_text});

	print $log join("\t", map { defined $line{$_} ? "$_=$line{$_}" : () }
		  qw(time transport src sport id name type class rd cd ad edns do cookie nsid)), "\n";
}

# Puts an action into the queue, after everything that is due by then.
sub schedule
{
	my ($due, $client, $thing) = @_;
	my ($low, $high) = (0, scalar @later);

	while ($low < $high)
	{
		my $middle = ($low + $high) >> 1;
		if ($later[$middle][0] <= $due) { $low = $middle + 1 }
		else { $high = $middle }
	}
	splice(@later, $low, 0, [ $due, $client, $thing ]);
}

sub do_what_is_due
{
	my $now = time;

	while (@later && $later[0][0] <= $now)
	{
		my (undef, $client, $thing) = @{ shift @later };

		if ($client->{transport} eq 'udp') { do_over_udp($client, $thing) }
		elsif ($client->{gone} || $thing->{done}) { next }
		elsif (!$thing->{part} && $client->{busy} > $now) { schedule($client->{busy}, $client, $thing) }
		elsif ($thing->{hold} && !@{ $client->{held} }) { hold($client, $thing, $now) }
		else { do_over_tcp($client, $thing, $now) }
	}
}

sub do_over_udp
{
	my ($client, $thing) = @_;
	my $socket = $thing->{from} ? $elsewhere{ $thing->{from} } : $udp;

	return if !$socket || !defined $thing->{message};
	return begin_flood($flooded{ $client->{sport} } //= $client, $thing) if $thing->{flood};
	my $sent = send($socket, $thing->{message}, 0, $client->{peer});
	$Forgery::sent++ if defined $sent && $thing->{forged};
}

# Keeps a message until another one goes out, or until its time has come.
sub hold
{
	my ($client, $thing, $now) = @_;
	my $ms = delete $thing->{hold};

	push @{ $client->{held} }, $thing;
	schedule($now + $ms / 1000, $client, $thing);
}

sub do_over_tcp
{
	my ($client, $thing, $now) = @_;
	my $octets = $thing->{frame} // (defined $thing->{message} ? pack('n/a*', $thing->{message}) : '');

	$thing->{done} = 1;
	if ($thing->{drip})
	{
		$dripping{ fileno $client->{socket} } = [ $client, $thing ];
		return;
	}
	return begin_flood($client, $thing) if $thing->{flood};
	if ($thing->{slow})
	{
		send_slowly($client, $octets, $thing->{slow} / 1000, $now);
		return;
	}
	$client->{busy} = $now + $thing->{stall} / 1000 if $thing->{stall};
	$client->{out} .= $octets;
	release_held($client) if !$thing->{part};
	$client->{closing} = $thing->{close} if $thing->{close};
	flush_stream($client);
}

# Sends the same again and again, as fast as possible, in a process of its own that
# ends when the client or this server is gone.
sub begin_flood
{
	my ($client, $thing) = @_;
	my ($parent, $looked) = ($$, 0);

	return if $client->{flooded}++;
	$SIG{CHLD} = 'IGNORE';
	my $pid = fork;
	return if !defined $pid || $pid > 0;
	if ($client->{transport} eq 'tcp')
	{
		my $octets = $thing->{frame} x (1 + int(FLOOD_OCTETS / length $thing->{frame}));

		# the parent shares the socket, which must not begin to block
		my $writer = IO::Select->new($client->{socket});
		1 while getppid() == $parent && (!$writer->can_write(1) || syswrite($client->{socket}, $octets) || $!{EAGAIN});
		POSIX::_exit(0);
	}
	while (getppid() == $parent && has_port($client->{sport}))
	{
		send($udp, $thing->{message}, 0, $client->{peer}) foreach 1 .. FLOOD_DATAGRAMS;
	}
	POSIX::_exit(0);
}

# Sends another message of a drip, while the client is there.
sub drip
{
	my ($name) = @_;
	my ($client, $thing) = @{ $dripping{$name} };

	return delete $dripping{$name} if $client->{gone};
	return if length $client->{out};
	$client->{out} = $thing->{frame};
	flush_stream($client);
}

# Does a process have this UDP port?
sub has_port
{
	my ($number) = @_;
	my $hex = sprintf ':%04X', $number;

	foreach my $table (qw(/proc/net/udp /proc/net/udp6))
	{
		open(my $file, '<', $table) or next;
		return 1 if grep { (split)[1] =~ /$hex$/ } <$file>;
	}
	return 0;
}

sub release_held
{
	my ($client) = @_;

	foreach my $held (grep { !$_->{done} } splice @{ $client->{held} })
	{
		$held->{done} = 1;
		$client->{out} .= pack('n/a*', $held->{message});
	}
}

# Octet by octet; nothing else is sent over the connection meanwhile.
sub send_slowly
{
	my ($client, $octets, $pause, $now) = @_;
	my $due = $now;

	foreach my $octet (split //, $octets)
	{
		schedule($due, $client, { frame => $octet, part => 1 });
		$due += $pause;
	}
	$client->{busy} = $due;
}

# Writes as much as a connection takes, then ends it if requested.
sub flush_stream
{
	my ($client) = @_;
	my $socket = $client->{socket};

	if (length $client->{out})
	{
		my $written = syswrite($socket, $client->{out});
		return drop_connection($client) if !defined $written && !$!{EAGAIN};
		substr($client->{out}, 0, $written // 0) = '';
		return $writers->add($socket) if length $client->{out};
	}
	$writers->remove($socket);

	my $closing = $client->{closing} // return;
	if ($closing eq 'reset')
	{
		$socket->setsockopt(SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
		return drop_connection($client);
	}
	# the other side closes when it has read this; otherwise the last output could be lost
	shutdown($socket, SHUT_WR);
}

sub drop_connection
{
	my ($client) = @_;
	my $socket = $client->{socket};

	$client->{gone} = 1;
	$readers->remove($socket);
	$writers->remove($socket);
	delete $connection{ fileno $socket };
	close $socket;
}

sub take_command
{
	if (!sysread(STDIN, my $command, 100))
	{
		$readers->remove(\*STDIN);
		return;
	}
	$sync = SYNC_PASSES;
}

sub answer_sync
{
	return if --$sync > 0;
	$sync = undef;
	print "synced\n";
}
