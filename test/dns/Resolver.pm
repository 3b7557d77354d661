# Resolvers, stopped with their object: unbound on loopback.
#
#   my $resolver = Resolver->validating;
#   $resolver->address; $resolver->authority->address;
#
# validates, for the tests of DNSSEC, in front of a Knot of its own. It knows three zones, each with
# www (192.0.2.80) and its certificate, and trust anchors for those that are signed:
#   secure.example      signed while Knot serves it
#   insecure.example    not signed
#   bogus.example       signed so long ago that its signatures have expired
#
#   my $resolver = Resolver->crowded(LIST, $knot);
#
# works on LIST names at the same time. It asks this Knot for dyn.example, and nobody answers it for
# dead.example: such a name keeps its place for some seconds.
#
# In all else they are NameServers. None of their queries leaves the machine.

package Resolver;

use strict;
use warnings;
use File::Basename qw(basename);
use File::Copy qw(copy);
use Time::HiRes qw(time);
use NameServer;

our @ISA = qw(NameServer);

# The first of January 2025, in seconds since 1970
use constant LONG_AGO => 1735689600;

my @zones = qw(bogus.example insecure.example secure.example);

# Answered by the resolver as soon as it is ready; the others fail
my @good = qw(insecure.example secure.example);

sub validating
{
	my ($class) = @_;
	my $authority = authority_for($class);
	my $self = NameServer::new_in_directory($class, '127.0.0.1');

	$self->{authority} = $authority;
	write_file("$self->{directory}/anchors", $authority->{anchors});
	my $lines = <<"LINES";
    module-config: "validator iterator"
    trust-anchor-file: "$self->{directory}/anchors"
    trust-anchor-signaling: no
    ede: yes
LINES
	return $self->start(undef, ['127.0.0.1'],
		sub { unbound_command($self, $lines, map { $_ => $authority } '.', @zones) },
		sub { NameServer::knot_is_ready($self, @good) });
}

sub crowded
{
	my ($class, $list, $knot) = @_;
	my $self = NameServer::new_in_directory($class, '127.0.0.1');
	my $lines = <<"LINES";
    module-config: "iterator"
    num-queries-per-thread: $list
    outgoing-range: @{[ 2 * $list ]}
LINES
	$self->{authority} = NameServer->silent;
	return $self->start(undef, ['127.0.0.1'],
		sub { unbound_command($self, $lines, 'dyn.example' => $knot, 'dead.example' => $self->{authority}) },
		sub { NameServer::knot_is_ready($self, 'dyn.example') });
}

# The server of the three zones, or the one that is silent
sub authority
{
	my ($self) = @_;
	return $self->{authority};
}

sub stop
{
	my ($self) = @_;
	return if ($self->{owner} // 0) != $$;

	$self->SUPER::stop;
	my $authority = delete $self->{authority};
	$authority->stop if $authority;
}

# A Knot with the zones; its keys are the trust anchors of unbound.
sub authority_for
{
	my ($class) = @_;
	my $self = NameServer::new_in_directory($class, '127.0.0.1');
	my $directory = $self->{directory};
	my $signing = "$directory/signing";
	my $conf = "$directory/knot.conf";

	mkdir $signing or die "cannot make \"$signing\": $!\n";
	write_file("$directory/$_.zone", zone_text($_)) foreach @zones;
	write_file("$signing/bogus.example.zone", zone_text('bogus.example'));
	write_file("$signing/knot.conf", knot_configuration($self, $signing, 'bogus.example'));
	run('kzonesign', '-c', "$signing/knot.conf", '-o', $directory, '-t', LONG_AGO, 'bogus.example');

	$self->start(undef, ['127.0.0.1'],
		sub {
			write_file($conf, knot_configuration($self, $directory, 'secure.example'));
			return (program('knotd'), '-c', $conf);
		},
		sub { NameServer::knot_is_ready($self, @zones) });
	$self->{anchors} = anchors($self, 'secure.example') . anchors($self, 'bogus.example');
	return $self;
}

sub zone_text
{
	my ($zone) = @_;

	return <<"ZONE";
\$ORIGIN $zone.
\$TTL 300
@	SOA	ns hostmaster 1 7200 3600 1209600 60
@	NS	ns
ns	A	127.0.0.1
www	A	192.0.2.80
www	TXT	"$zone"
_443._tcp.www	TLSA	3 1 1 8CE6F1F5A2C5CE9D9D2C9FE4C4E8F7C1D6F02E3B7F6A7E0C5A3D4B2C1E0F9A8B
ZONE
}

# The configuration of Knot, or of the program that signs; it signs $signed.
sub knot_configuration
{
	my ($self, $storage, $signed) = @_;
	my $identity = basename($self->{directory});
	my $port = $self->{port} // 53;
	my @served = map { $_ eq $signed ? ("  - domain: \"$_\"", '    dnssec-signing: on', '    dnssec-policy: test')
		: "  - domain: \"$_\"" } @zones;

	return join "\n", <<"CONFIGURATION", 'zone:', @served, '';
server:
    rundir: "$storage"
    listen: "127.0.0.1\@$port"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    identity: "$identity"
log:
  - target: stderr
    any: warning
database:
    storage: "$storage"
policy:
  - id: test
    algorithm: ecdsap256sha256
    single-type-signing: on
    ksk-lifetime: 0
template:
  - id: default
    storage: "$storage"
    file: "%s.zone"
    semantic-checks: off
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
CONFIGURATION
}

# The DNSKEY records of a zone, which are there once it is signed
sub anchors
{
	my ($self, $zone) = @_;
	my $until = time + NameServer::READY_WITHIN;

	while (1)
	{
		my $anchors = run('dig', '@127.0.0.1', '-p', $self->{port}, '+noall', '+answer', $zone, 'DNSKEY');
		return $anchors if $anchors =~ /\sDNSKEY\s/;
		die "there are no keys of $zone\n" if time > $until;
		select undef, undef, undef, NameServer::AGAIN_AFTER;
	}
}

# Write the configuration, with these lines and the servers of these zones; the command that
# runs unbound with it.
sub unbound_command
{
	my ($self, $lines, %zones) = @_;
	my $directory = $self->{directory};
	my $identity = basename($directory);
	my $program = "$directory/unbound";
	my $stubs = join '', map { "stub-zone:\n    name: \"$_\"\n    stub-addr: 127.0.0.1\@$zones{$_}{port}\n" } sort keys %zones;

	write_file("$directory/unbound.conf", <<"CONFIGURATION");
server:
    directory: "$directory"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    interface: 127.0.0.1
    port: $self->{port}
    do-ip6: no
    num-threads: 1
    identity: "$identity"
    root-hints: ""
    do-not-query-localhost: no
    qname-minimisation: no
${lines}remote-control:
    control-enable: no
$stubs
CONFIGURATION
	# a copy: at its own place, AppArmor lets it read only what its package says
	copy(program('unbound'), $program) && chmod 0755, $program or die "cannot copy unbound: $!\n";
	return ($program, '-d', '-c', "$directory/unbound.conf");
}

sub write_file
{
	my ($path, $text) = @_;

	open(my $file, '>', $path) or die "cannot write \"$path\": $!\n";
	print $file $text;
	close $file or die "cannot write \"$path\": $!\n";
}

sub program
{
	my ($name) = @_;
	return NameServer::in_path($name) // die "$name is not installed (Debian packages: knot, knot-dnssecutils, unbound, bind9-dnsutils)\n";
}

# The output of a program; raises if it fails.
sub run
{
	my ($name, @arguments) = @_;
	my $command = join ' ', map { s/'/'\\''/gr =~ s/.*/'$&'/sr } program($name), @arguments;
	my $output = `$command 2>&1`;

	die "$name failed:\n$output" if $?;
	return $output;
}

1;
