# Property: dns_getaddrinfo() and dns_getnameinfo() take services, own addresses and the
# own domain from the host that the database server runs on, unchanged.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.lookups = 'b'");
my $session = Session->new($node);

# ---- Services

my %call = (
	tcp => [ 'socktype => 0', 'socktype => 1', 'protocol => 6', 'socktype => 2, protocol => 6' ],
	udp => [ 'socktype => 2', 'protocol => 17', 'socktype => 1, protocol => 17' ],
	sctp => ['protocol => 132'],
	dccp => ['protocol => 33']);
my %flag = (tcp => 'tcp', udp => 'dgram', sctp => 'sctp', dccp => 'dccp');
my $known = 0;
foreach my $protocol (sort keys %call)
{
	foreach my $name (qw(domain https syslog shell tftp sip no-such-service))
	{
		my (undef, undef, $port) = getservbyname($name, $protocol);

		$known++ if defined $port;
		foreach my $arguments (@{ $call{$protocol} })
		{
			my $result = $session->query("SELECT port FROM dns_getaddrinfo('192.0.2.1', '$name', $arguments)");
			is($result->{error} ? $result->{error}{C} : $result->{rows}[0][0],
				$port // '22023', "$name, $arguments");
		}
	}
	foreach my $port (0, 22, 53, 443, 512, 514, 65535)
	{
		my ($name) = getservbyport($port, $protocol);

		$name = $port if !defined $name || $port == 0;
		is($session->text("SELECT service FROM dns_getnameinfo('192.0.2.1', $port, '{lookupservice,$flag{$protocol}}')"),
			$name, "port $port of $protocol");
		is( $session->text(
				"SELECT service FROM dns_getnameinfo('192.0.2.1', $port, '{lookupservice,numericserv,$flag{$protocol}}')"),
			$port, '... as a number');
	}
}
note("$known services are known here");
is($server->count, 0, 'services need no name server');

# ---- Its own addresses

# The addresses that the kernel shows, without loopback
my ($ip4, $ip6) = (0, 0);
my $address;
foreach my $line (split /\n/, slurp_file('/proc/net/fib_trie'))
{
	$address = $1 if $line =~ /--\s+(\d+\.\d+\.\d+\.\d+)/;
	$ip4 = 1 if $line =~ m{/32 host LOCAL} && $address !~ /^127\./;
}
if (-e '/proc/net/if_inet6')
{
	$ip6 = grep { !/^0{31}1 / } split /\n/, slurp_file('/proc/net/if_inet6');
}
note('IPv4: ' . ($ip4 ? 'yes' : 'no') . ', IPv6: ' . ($ip6 ? 'yes' : 'no'));

foreach my $case (
	[ 0, 'addrconfig', $ip6 ? '2001:db8::1' : (), $ip4 ? '192.0.2.1' : () ],
	[ 4, 'addrconfig', $ip4 ? '192.0.2.1' : () ],
	[ 6, 'addrconfig', $ip6 ? '2001:db8::1' : () ],
	[ 6, 'addrconfig,v4mapped', $ip6 ? '2001:db8::1' : $ip4 ? '::ffff:192.0.2.1' : () ],
	[ 6, 'addrconfig,v4mapped,all', $ip6 ? '2001:db8::1' : (), $ip4 ? '::ffff:192.0.2.1' : () ])
{
	my ($family, $flags, @expected) = @$case;
	my $call = "dns_getaddrinfo('sound.example', family => $family, flags => '{$flags}'";

	$server->forget;
	is($session->text("SELECT address FROM $call, on_error => 'missing_ok')"), join("\n", @expected), "$flags, $family");
	my @types = map { $_->{type} } $server->log;
	ok($ip4 || !grep({ $_ eq 'A' } @types), '... no A question without IPv4');
	ok($ip6 || !grep({ $_ eq 'AAAA' } @types), '... no AAAA question without IPv6');
	is($session->sqlstate("SELECT * FROM $call)"), 'NDA00', '... without addresses, none is found') if !@expected;
}

# ---- Its own domain

my $name = 'sound.1.2.0.192.in-addr.arpa';
my $nofqdn = q{SELECT node FROM dns_getnameinfo('192.0.2.1', 0, '{nofqdn}')};

is($session->text($nofqdn), $name, 'nofqdn: a name of another domain is whole');
foreach (
	[ '1.2.0.192.in-addr.arpa', 'sound' ], [ '2.0.192.IN-ADDR.arpa.', 'sound.1' ],
	[ 'arpa, 1.2.0.192.in-addr.arpa', 'sound.1.2.0.192.in-addr' ], [ 'pa', $name ],
	[ $name, $name ], [ '.', $name ])
{
	my ($domains, $expected) = @$_;

	$session->text("SET pgcares.domains = '$domains'");
	is($session->text($nofqdn), $expected, "nofqdn: without $domains");
	is($session->text($nofqdn =~ s/\{nofqdn\}/{}/r), $name, '... and with it');
}

done_testing();
