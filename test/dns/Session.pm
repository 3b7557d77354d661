# Sessions with a throw-away PostgreSQL, as the TAP tests need them.
#
#   my $node = Session->cluster([$server, ...], @lines);   started, pgcares in it
#   my $session = Session->new($node, options => '-c pgcares.tries=1');
#   $session->text("SELECT ...");            rows, as psql -At prints them
#   $session->sqlstate("SELECT ...");        of the error, '00000' without one
#   $session->send("SELECT ..."); ...; $session->result;
#   $session->send_steps([ parse => 's', "SELECT ..." ], [ bind => 'p', 's' ],
#     [ execute => 'p', 3 ]); $session->result;       portals, row by row
#
# A session speaks the protocol itself: a test sees SQLSTATEs, knows the backend,
# need not wait for an answer, and knows when it came. It reads a backend's
# descriptors, memory and time from /proc. Each wait here is for a condition and
# has a limit. A cluster asks the servers that it is given and never those of the
# machine.

package Session;

use strict;
use warnings;
use IO::Select;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(clock_gettime time);

use constant PROTOCOL => 3 << 16;

# Between two looks at a condition, in seconds
use constant LOOK_AGAIN_AFTER => 0.01;

my $clusters = 0;

# A started cluster with the extension. The servers are those of NameServer, or
# text; the lines go into postgresql.conf.
sub cluster
{
	my ($class, $servers, @lines) = @_;
	my $node = PostgreSQL::Test::Cluster->new('main' . ($clusters++ || ''));

	$node->init;
	$node->append_conf('postgresql.conf', join "\n", settings($servers), @lines);
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pgcares');
	return $node;
}

# The configuration of a cluster of the tests. A name server that has to wait for a
# processor answers late.
sub settings
{
	my ($servers) = @_;
	my $list = join ', ', map { ref $_ ? $_->address : $_ } @$servers;

	return ("pgcares.servers = '$list'", "pgcares.resolvconf = '/dev/null'", "pgcares.timeout = '10s'", 'autovacuum = off');
}

# The settings of a way to ask, as words: "tcp, keep_open" are switched on, "no edns" is
# switched off, "udp" says that nothing is, and the others have their defaults. As pairs,
# as SQL, and as options of a connection.
sub way
{
	my ($words) = @_;
	my %value = (tcp => 'off', edns => 'on', randomize_case => 'off', keep_open => 'off', check_response => 'on');

	foreach my $word (grep { $_ ne 'udp' } split /, */, $words)
	{
		my $off = $word =~ s/^no //;
		die "\"$word\" is no way to ask\n" if !$value{$word};
		$value{$word} = $off ? 'off' : 'on';
	}
	return map { ($_ => $value{$_}) } sort keys %value;
}

sub set_way
{
	my %value = way(@_);
	return join '; ', map { "SET pgcares.$_ = $value{$_}" } sort keys %value;
}

sub way_options
{
	my %value = way(@_);
	return join ' ', map { "-c pgcares.$_=$value{$_}" } sort keys %value;
}

# Wait until a condition is true; its value. Raises when it takes too long.
sub wait_until
{
	my ($condition, $what) = @_;
	my $limit = time + $PostgreSQL::Test::Utils::timeout_default;

	while (1)
	{
		my $value = $condition->();
		return $value if $value;
		die "waited in vain for $what\n" if time > $limit;
		select undef, undef, undef, LOOK_AGAIN_AFTER;
	}
}

# Connect. Options: dbname, user, client_encoding, options (as in PGOPTIONS).
sub new
{
	my ($class, $node, %options) = @_;
	my $self = bless { socket => $node->raw_connect, in => '', syncs => 1 }, $class;
	my %parameters = (
		user => $options{user} // scalar getpwuid($<),
		database => $options{dbname} // 'postgres',
		options => $options{options} // '',
		client_encoding => $options{client_encoding} // 'UTF8');
	my $startup = pack('N', PROTOCOL) . pack('(Z*)*', %parameters) . "\0";

	# a server that ends has closed it
	local $SIG{PIPE} = 'IGNORE';
	$self->{socket}->syswrite(pack('N', 4 + length $startup) . $startup);
	my $result = $self->result;
	die "cannot connect: $result->{error}{M}\n" if $result->{error};
	die "cannot connect: the connection was closed\n" if $result->{ended};
	return $self;
}

# The process of the backend
sub pid
{
	my ($self) = @_;
	return $self->{pid};
}

# Is the backend alive? A zombie is not.
sub is_alive
{
	my ($self) = @_;

	open(my $stat, '<', "/proc/$self->{pid}/stat") or return 0;
	return (<$stat> // '') =~ /\) [^ZX]/;
}

# Send statements; result() reads their results.
sub send
{
	my ($self, $sql) = @_;

	$self->{syncs} = 1;
	$self->{socket}->syswrite(framed('Q', pack('Z*', $sql)));
}

# Send messages of the extended protocol, and a Sync behind them; one result()
# reads the results of all. A step is one of
#   [ parse => $statement, $sql ]           names may be ''
#   [ bind => $portal, $statement, @values ]  values as text, undefined for NULL
#   [ execute => $portal, $most ]           at most $most rows, 0 for all
#   [ close => $portal ]
#   [ run => $sql ]                         the first three without names
#   [ 'sync' ]                              ends an implicit transaction
sub send_steps
{
	my ($self, @steps) = @_;
	my %message = (
		parse => sub { framed('P', pack('Z* Z* n', @_, 0)) },
		bind => sub { framed('B', pack('Z* Z* n n', splice(@_, 0, 2), 0, scalar @_)
			  . join('', map { defined ? pack('N/a*', $_) : pack('l>', -1) } @_) . pack('n', 0)) },
		execute => sub { framed('E', pack('Z* N', @_)) },
		close => sub { framed('C', pack('a Z*', 'P', @_)) },
		sync => sub { $self->{syncs}++; framed('S', '') });

	$message{run} = sub { $message{parse}->('', @_) . $message{bind}->('', '') . $message{execute}->('', 0) };
	$self->{syncs} = 0;
	my $messages = join '', map { my ($kind, @rest) = @$_; $message{$kind}->(@rest) } @steps, ['sync'];
	$self->{socket}->syswrite($messages);
}

# A message of this type
sub framed
{
	my ($type, $body) = @_;
	return $type . pack('N', 4 + length $body) . $body;
}

# Is there something of a result? Notifications and changed parameters are not.
sub has_result
{
	my ($self) = @_;

	if (IO::Select->new($self->{socket})->can_read(0))
	{
		sysread($self->{socket}, $self->{in}, 65536, length $self->{in}) or return 1;
	}
	while ($self->{in} =~ /^[AS]/ && length $self->{in} >= 5)
	{
		my $length = 1 + unpack('x N', $self->{in});
		last if length $self->{in} < $length;
		substr($self->{in}, 0, $length) = '';
	}
	return $self->{in} =~ /^[^AS]/;
}

# The result of the statements that were sent: a hash of
#   rows     those of all statements, each an array
#   tags     how each of them ended, such as "SELECT 3"; "suspended" where a
#            portal has more rows
#   error    undefined, or a hash of the fields of the protocol: C is the
#            SQLSTATE, M the message, D the detail, H the hint; the first one
#   notices  the same for each notice and warning
#   ended    true if the connection is closed
#   time     when all was over
sub result
{
	my ($self) = @_;
	my $result = { rows => [], tags => [], notices => [] };

	while (1)
	{
		my ($type, $body) = $self->message;

		if (!defined $type || $type eq 'Z' && --$self->{syncs} <= 0)
		{
			$result->{ended} = !defined $type;
			$result->{time} = time;
			return $result;
		}
		elsif ($type eq 'D') { push @{ $result->{rows} }, row($body) }
		elsif ($type eq 'C') { push @{ $result->{tags} }, unpack('Z*', $body) }
		elsif ($type eq 's') { push @{ $result->{tags} }, 'suspended' }
		elsif ($type eq 'E') { $result->{error} //= fields($body) }
		elsif ($type eq 'N') { push @{ $result->{notices} }, fields($body) }
		elsif ($type eq 'K') { $self->{pid} = unpack('N', $body) }
		elsif ($type eq 'R' && unpack('N', $body) != 0) { die "the server wants a password\n" }
	}
}

sub query
{
	my ($self, $sql) = @_;

	$self->send($sql);
	return $self->result;
}

# Rows as text, a line each; raises on an error.
sub text
{
	my ($self, $sql) = @_;
	my $result = $self->query($sql);

	die "$result->{error}{C} $result->{error}{M}: $sql\n" if $result->{error};
	die "the connection was closed: $sql\n" if $result->{ended};
	return join "\n", map { join '|', map { $_ // '' } @$_ } @{ $result->{rows} };
}

sub sqlstate
{
	my ($self, $sql) = @_;
	return sqlstate_of($self->query($sql));
}

# A result's SQLSTATE: '00000' without an error, '08006' if the connection was lost
sub sqlstate_of
{
	my ($result) = @_;
	return $result->{error}{C} if $result->{error};
	return $result->{ended} ? '08006' : '00000';
}

sub close
{
	my ($self) = @_;
	my $socket = delete $self->{socket} // return;

	$socket->syswrite('X' . pack('N', 4));
	$socket->close;
}

# Descriptors of the backend, without files, which the server manages: a sorted
# list of kinds, such as "socket" and "anon_inode:[eventpoll]".
sub descriptors
{
	my ($self) = @_;
	my @targets = grep { defined } map { readlink } glob "/proc/$self->{pid}/fd/*";

	return [ sort map { s/:\[\d+\]$//r } grep { !m{^/(?!dev/)} } @targets ];
}

# Its sockets of the internet: "udp 127.0.0.1:5300" for where each leads to; and
# their inodes
sub inet_sockets
{
	my ($self) = @_;
	return map { $_->[1] } sockets_of($self->{pid});
}

sub inet_inodes
{
	my ($self) = @_;
	return map { $_->[0] } sockets_of($self->{pid});
}

# The same of any process: pairs of inode and text
sub sockets_of
{
	my ($pid) = @_;
	my %ours = map { (readlink($_) // '') =~ /^socket:\[(\d+)\]/ ? ($1 => 1) : () } glob "/proc/$pid/fd/*";
	my @sockets;

	foreach my $kind (qw(udp udp6 tcp tcp6))
	{
		open(my $table, '<', "/proc/net/$kind") or next;
		<$table>;
		while (my $line = <$table>)
		{
			my ($remote, $inode) = (split ' ', $line)[ 2, 9 ];
			push @sockets, [ $inode, "$kind " . address_text($remote) ] if $ours{$inode};
		}
	}
	return @sockets;
}

# The kernel's 0100007F:14B4 as 127.0.0.1:5300; addresses of IPv6 as they are
sub address_text
{
	my ($address, $port) = split /:/, shift;

	$address = join '.', unpack 'C4', pack 'L', hex $address if length $address == 8;
	return "$address:" . hex $port;
}

# A number of /proc/PID/status: VmRSS (in kB), Threads
sub status
{
	my ($self, $field) = @_;
	my ($number) = slurp_file("/proc/$self->{pid}/status") =~ /^$field:\s+(\d+)/m;

	return $number;
}

# Processor time the backend has used, in seconds: its clock has the number that
# clock_getcpuclockid(3) makes
sub cpu_time
{
	my ($self) = @_;

	return clock_gettime(-8 * ($self->{pid} + 1) + 2);
}

# Test that a server takes less memory or time than that. A server under a checker
# takes more.
sub costs_less
{
	my ($cost, $limit, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	SKIP:
	{
		skip "$what, for a server that is watched by $ENV{PGCARES_WATCHED}", 1 if $ENV{PGCARES_WATCHED};
		return cmp_ok($cost, '<', $limit, $what);
	}
	return 1;
}

# The next message: its type and body; nothing when the connection is closed
sub message
{
	my ($self) = @_;
	my $header = $self->octets(5) // return;
	my ($type, $length) = unpack('a N', $header);

	return ($type, $self->octets($length - 4) // return);
}

# This many octets; undefined at the end
sub octets
{
	my ($self, $count) = @_;
	my $select = IO::Select->new($self->{socket});

	while (length $self->{in} < $count)
	{
		$! = 0;
		$select->can_read($PostgreSQL::Test::Utils::timeout_default) || $!{EINTR} || die "the server does not answer\n";
		next if $!{EINTR};
		sysread($self->{socket}, $self->{in}, 65536, length $self->{in}) or return undef;
	}
	return substr($self->{in}, 0, $count, '');
}

sub row
{
	my ($body) = @_;
	my ($count, @row) = unpack('n', substr($body, 0, 2, ''));

	foreach (1 .. $count)
	{
		my $length = unpack('l>', substr($body, 0, 4, ''));
		push @row, $length < 0 ? undef : substr($body, 0, $length, '');
	}
	return \@row;
}

sub fields
{
	my ($body) = @_;
	return { map { /^(.)(.*)/s } split /\0/, $body };
}

1;
