# The name servers of the tests: started on loopback, stopped with the object.
#
#   my $knot = NameServer->knot;                  Knot with all of zones/
#   my $odd  = NameServer->misbehaving(%options); misbehaving.pl
#   my $mute = NameServer->silent;                misbehaving.pl that never answers
#   my $port = NameServer->closed_port;           where nobody listens
#
# Resolver.pm has one that validates.
#
# Options: address (127.0.0.1; Knot listens on ::1 as well where there is one
# and no address is given), port (any free one), and for misbehaving.pl mode
# and udp_only. A constructor returns when every zone is answered, or raises
# what the server said. Everything a server writes is in a temporary directory
# of its own, gone after stop(). Works as any user, without a network but lo,
# and waits for conditions only, each with a limit.

package NameServer;

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Copy qw(copy);
use File::Glob qw(bsd_glob);
use File::Path qw(remove_tree);
use File::Spec;
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::IP;
use POSIX ();
use Socket qw(AI_NUMERICHOST);
use Time::HiRes qw(time);
use Wire;

my $here = dirname(abs_path(__FILE__));

# Ports below those that Linux gives to clients: no query of a test can have
# taken one as its source, and a closed one stays closed.
use constant { FIRST_PORT => 20000, LAST_PORT => 32767 };

# Limits in seconds: to be ready, to answer one probe, to end, to report.
use constant { READY_WITHIN => 20, PROBE_WITHIN => 0.25, AGAIN_AFTER => 0.01, END_WITHIN => 5, REPORT_WITHIN => 20 };

# 16.7 million addresses and their names, made up by Knot
my %synthesized = (
	'10.in-addr.arpa' => [ 'type: reverse', 'prefix: ip-', 'ttl: 120', 'network: 10.0.0.0/8', 'origin: dyn.example' ],
	'dyn.example' => [ 'type: forward', 'prefix: ip-', 'ttl: 120', 'network: 10.0.0.0/8' ]);

sub knot
{
	my ($class, %options) = @_;
	my @addresses = $options{address} // ('127.0.0.1', is_free('::1', 0) ? '::1' : ());
	my @zones = map { basename($_, '.zone') } bsd_glob("$here/zones/*.zone");
	my $self = new_in_directory($class, $addresses[0]);

	# copies: whoever runs the server need not be able to read the source tree
	foreach my $zone (@zones)
	{
		copy("$here/zones/$zone.zone", "$self->{directory}/$zone.zone") or die "cannot copy zone $zone: $!\n";
	}
	$self->{has_ip6} = grep { $_ eq '::1' } @addresses;

	return $self->start($options{port}, \@addresses,
		sub { knot_command($self, \@addresses, \@zones) },
		sub { knot_is_ready($self, @zones) });
}

# The program of Knot: the one that KNOTD names, or that is installed; undefined without
sub knotd
{
	return in_path('knotd') if !defined $ENV{KNOTD};
	return -x $ENV{KNOTD} ? $ENV{KNOTD} : undef;
}

sub misbehaving
{
	my ($class, %options) = @_;
	my $address = $options{address} // '127.0.0.1';
	my $self = new_in_directory($class, $address);

	$self->{log} = "$self->{directory}/queries";
	$self->{log_from} = 0;
	my @command = ($^X, "$here/misbehaving.pl", '--address', $address, '--log', $self->{log},
		'--mode', $options{mode} // 'normal', $options{udp_only} ? '--udp-only' : ());

	return $self->start($options{port}, [$address],
		sub { (@command, '--port', $self->{port}) },
		sub { misbehaving_is_ready($self) });
}

sub silent
{
	my ($class, %options) = @_;
	return $class->misbehaving(%options, mode => 'silent');
}

# A port of 127.0.0.1, or another address, that nobody has open, for UDP or TCP
sub closed_port
{
	my ($class, $address) = @_;
	return free_port($address // '127.0.0.1');
}

# Where to ask: 127.0.0.1:5300, [::1]:5300
sub address
{
	my ($self) = @_;
	return $self->{address} =~ /:/ ? "[$self->{address}]:$self->{port}" : "$self->{address}:$self->{port}";
}

# The same over IPv6; undefined if there is none. Knot only
sub address6
{
	my ($self) = @_;
	return $self->{has_ip6} ? "[::1]:$self->{port}" : undef;
}

sub port
{
	my ($self) = @_;
	return $self->{port};
}

sub pid
{
	my ($self) = @_;
	return $self->{pid};
}

# The queries of the misbehaving server, in order, since it started or since
# forget(): hashes of time, transport, src, sport, id, name, type, class, rd,
# cd, ad, edns (the size, or undefined), do, cookie, nsid. What was sent to it
# before this call is in it. Type "junk": something that is no query.
sub log
{
	my ($self) = @_;
	my @queries;

	$self->sync;
	open(my $log, '<', $self->{log}) or die "cannot read \"$self->{log}\": $!\n";
	seek($log, $self->{log_from}, 0);
	while (my $line = <$log>)
	{
		last if !chomp($line);    # it is being written
		push @queries, { edns => undef, map { split /=/, $_, 2 } split /\t/, $line };
	}
	return @queries;
}

# How many queries came, for names that match a pattern if one is given
sub count
{
	my ($self, $pattern) = @_;
	return scalar grep { !defined $pattern || ($_->{name} // '') =~ $pattern } $self->log;
}

# Has this name been asked for? Queries before an earlier call, or before
# forget(), do not count: a test that waits for a name reads each line once.
sub has_seen
{
	my ($self, $name) = @_;

	open(my $log, '<', $self->{log}) or die "cannot read \"$self->{log}\": $!\n";
	seek($log, $self->{looked_to} // $self->{log_from}, 0);
	my $lines = do { local $/; <$log> } // '';
	my $whole = 1 + rindex $lines, "\n";
	$self->{looked_to} = tell($log) - length($lines) + $whole;
	return substr($lines, 0, $whole) =~ /\tname=\Q$name\E\t/;
}

# Make log() and count() start again.
sub forget
{
	my ($self) = @_;

	$self->sync;
	$self->{looked_to} = $self->{log_from} = -s $self->{log};
}

# End the server and remove what it left. Only the process that started it can.
sub stop
{
	my ($self) = @_;
	return if ($self->{owner} // 0) != $$;

	# the exit status of a test that ends must not become that of the server
	local ($?, $!, $@);
	$self->end;
	remove_tree($self->{directory});
	delete $self->{owner};
}

sub DESTROY
{
	my ($self) = @_;
	$self->stop;
}

sub new_in_directory
{
	my ($class, $address) = @_;
	my $parent = File::Spec->tmpdir;

	# the path of a socket, Knot's for control, has 107 octets at most
	$parent = '/tmp' if length $parent > 70;
	my $directory = tempdir('nameserver-XXXXXX', DIR => $parent);
	return bless { owner => $$, address => $address, directory => $directory }, $class;
}

# Start a server that command() describes and wait until ready() says so. When
# the port was taken in between, take another one.
sub start
{
	my ($self, $fixed_port, $addresses, $command, $ready) = @_;
	my $output;

	foreach my $attempt (1 .. 20)
	{
		$self->{port} = $fixed_port // free_port(@$addresses);
		$self->launch($command->());
		return $self if $ready->();
		$output = $self->end;
		last if defined $fixed_port || $output !~ /in use/i;
	}
	die "name server did not start on port $self->{port}:\n$output";
}

# Run a server with pipes as standard input and output: the first for commands,
# the second to see it end.
sub launch
{
	my ($self, @command) = @_;

	pipe(my $command_in, my $to) or die "cannot make a pipe: $!\n";
	pipe(my $from, my $command_out) or die "cannot make a pipe: $!\n";
	open(my $output, '>', "$self->{directory}/output") or die "cannot write in \"$self->{directory}\": $!\n";

	# ends with us, however we end; away from the terminal's interrupts
	my $setpriv = in_path('setpriv');
	unshift @command, $setpriv, '--pdeathsig', 'TERM', '--' if $setpriv;
	my $pid = fork // die "cannot fork: $!\n";
	if ($pid == 0)
	{
		setpgrp(0, 0);
		$SIG{$_} = 'DEFAULT' foreach qw(HUP INT TERM);
		POSIX::dup2(fileno $command_in, 0);
		POSIX::dup2(fileno $command_out, 1);
		POSIX::dup2(fileno $output, 2);
		{ no warnings; exec { $command[0] } @command; }
		POSIX::write(2, "cannot run $command[0]: $!\n", length "cannot run $command[0]: $!\n");
		POSIX::_exit(127);
	}
	@$self{qw(pid to from said)} = ($pid, $to, $from, '');
}

# End the server; returns the last of its output.
sub end
{
	my ($self) = @_;

	if (my $pid = delete $self->{pid})
	{
		# a stopped process must get the signal, too
		kill $_, $pid foreach qw(TERM CONT);
		kill 'KILL', $pid if !$self->ends_within(END_WITHIN);
		waitpid($pid, 0);
	}
	return $self->output;
}

# Returns what the server wrote to standard error
sub output
{
	my ($self) = @_;

	open(my $output, '<', "$self->{directory}/output") or return "nothing\n";
	return join '', <$output>;
}

# Has the server ended, or does it within that time? Its output ends with it.
sub ends_within
{
	my ($self, $seconds) = @_;
	return !defined $self->line_within($seconds, qr/(?!)/);
}

# Wait for a line on standard output. The line; '' when the time is over;
# undefined when the server has ended.
sub line_within
{
	my ($self, $seconds, $pattern) = @_;
	my $until = time + $seconds;
	my $select = IO::Select->new($self->{from});

	while (1)
	{
		return $1 if $self->{said} =~ s/^($pattern)\n//m;
		my $left = $until - time;
		return '' if !$select->can_read($left > 0 ? $left : 0);
		return undef if !sysread($self->{from}, $self->{said}, 4096, length $self->{said});
	}
}

# Wait until the misbehaving server has logged what came before.
sub sync
{
	my ($self) = @_;
	local $SIG{PIPE} = 'IGNORE';

	syswrite $self->{to}, "sync\n";
	die "the misbehaving name server does not report:\n" . $self->output
	  if !$self->line_within(REPORT_WITHIN, qr/synced/);
}

sub misbehaving_is_ready
{
	my ($self) = @_;
	return $self->line_within(READY_WITHIN, qr/ready \d+/);
}

# Every zone answers with its SOA, and the answer comes from our Knot: its
# identity is the name of its directory.
sub knot_is_ready
{
	my ($self, @zones) = @_;
	my $until = time + READY_WITHIN;
	my $identity = basename($self->{directory});
	my $socket = IO::Socket::IP->new(PeerHost => $self->{address}, PeerPort => $self->{port},
		GetAddrInfoFlags => AI_NUMERICHOST, Proto => 'udp') or die "cannot make a socket: $@\n";
	my @questions = ([ 'id.server', 'TXT', 'CH', qr/\Q$identity\E/ ], map { [ $_, 'SOA', 'IN', qr// ] } @zones);

	while (@questions)
	{
		my ($name, $type, $class, $pattern) = @{ $questions[0] };
		my $answer = answer_to($socket, $name, $type, $class);

		if (defined $answer && unpack('x3C', $answer) % 16 == 0 && $answer =~ $pattern)
		{
			shift @questions;
			next;
		}
		# refused, reset, not loaded yet: try again in a moment, until the limit
		return 0 if time > $until || $self->ends_within(AGAIN_AFTER) || $self->output =~ /error: \[\Q$name\E/;
	}
	return 1;
}

# The answer to a question; nothing after a reset or a silence
sub answer_to
{
	my ($socket, $name, $type, $class) = @_;
	my $id = int rand 65536;
	my $until = time + PROBE_WITHIN;

	$socket->send(Wire::query($id, $name, $type, $class)) or return;
	while ((my $left = $until - time) > 0)
	{
		IO::Select->new($socket)->can_read($left) or return;
		defined $socket->recv(my $answer, 4096) or return;
		return $answer if length $answer >= 12 && unpack('n', $answer) == $id;
	}
	return;
}

# Write the configuration; the command that runs Knot with it.
sub knot_command
{
	my ($self, $addresses, $zones) = @_;
	my $knotd = knotd() // die "knotd is not installed (Debian package: knot)\n";
	my $path = "$self->{directory}/knot.conf";

	open(my $file, '>', $path) or die "cannot write \"$path\": $!\n";
	print $file knot_configuration($self, $addresses, $zones);
	close $file or die "cannot write \"$path\": $!\n";
	return ($knotd, '-c', $path);
}

# The identity tells our server from another one at the same port. Nothing is
# written but under the directory, and nothing is signed or sent unasked.
sub knot_configuration
{
	my ($self, $addresses, $zones) = @_;
	my $directory = $self->{directory};
	my $identity = basename($directory);
	my $listen = join ', ', map { "\"$_\@$self->{port}\"" } @$addresses;
	my @modules = map { join "\n    ", "  - id: \"$_\"", @{ $synthesized{$_} } } sort keys %synthesized;
	my @zones = map { ("  - domain: \"$_\"", $synthesized{$_} ? "    module: \"mod-synthrecord/$_\"" : ()) } @$zones;

	return join "\n", <<"SERVER", 'mod-synthrecord:', @modules, <<"TEMPLATE", 'zone:', @zones, '';
server:
    rundir: "$directory"
    listen: [ $listen ]
    udp-workers: 1
    tcp-workers: 2
    background-workers: 1
    identity: "$identity"
    version: "knot"
    nsid: "knot"
log:
  - target: stderr
    any: warning
database:
    storage: "$directory"
SERVER
template:
  - id: default
    storage: "$directory"
    file: "%s.zone"
    semantic-checks: off
    zonefile-load: whole
    zonefile-sync: -1
    journal-content: none
TEMPLATE
}

# Not every user has the servers in PATH.
sub in_path
{
	my ($program) = @_;
	my @directories = (split(/:/, $ENV{PATH} // ''), qw(/usr/local/sbin /usr/sbin /usr/bin));
	my ($found) = grep { -x } map { "$_/$program" } @directories;

	return $found;
}

sub free_port
{
	my @addresses = @_;

	foreach (1 .. 1000)
	{
		my $port = FIRST_PORT + int rand(LAST_PORT - FIRST_PORT + 1);
		return $port if !grep { !is_free($_, $port) } @addresses;
	}
	die "no free port at @addresses\n";
}

# Can this port be opened, for UDP and TCP? With port 0: does the address exist
# at all?
sub is_free
{
	my ($address, $port) = @_;
	my @where = (LocalHost => $address, LocalPort => $port, GetAddrInfoFlags => AI_NUMERICHOST);

	return IO::Socket::IP->new(@where, Proto => 'udp')
	  && IO::Socket::IP->new(@where, Proto => 'tcp', Listen => 1, ReuseAddr => 1);
}

1;
