# PostgreSQL counts the sockets of lookups. Without a free descriptor, a lookup fails
# with SQLSTATE 53000, not with a timeout.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Descriptors;
use NameServer;
use Session;

# The most descriptors of one lookup: UDP, TCP, and the event set
use constant FOR_A_LOOKUP => 3;

# A third of those that are left is for extensions.
my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'max_files_per_process = 120', 'max_connections = 100', 'pgcares.tries = 1');
my $session = Session->new($node);
my $lookup = q{SELECT * FROM dns_a('sound.example')};
my $found = '192.0.2.1|300';

sub says_so
{
	my ($sql, $what) = @_;
	my $result = $session->query($sql);

	is(Session::sqlstate_of($result), '53000', "$what: SQLSTATE");
	like($result->{error} ? $result->{error}{M} : '', qr/too many open files/i, "$what: message");
}

# Many failures of this kind cost no memory.
sub leaves_no_memory
{
	my ($what) = @_;
	my $contexts = 'SELECT sum(total_bytes) FROM pg_backend_memory_contexts';
	my @bytes = map { $session->text("SELECT fail($_); $contexts") } 100, 5000;

	cmp_ok($bytes[1] - $bytes[0], '<', 1 << 20, "$what: memory");
}

# Files are not counted: PostgreSQL closes some of them when it needs a descriptor.
sub goes_on
{
	my ($before, $what) = @_;

	is($session->text("$lookup; SELECT pg_backend_pid()"), "$found\n" . $session->pid, "$what: the session goes on");
	is_deeply($session->descriptors, $before, "$what: descriptors as before");
}

# All kinds of lookups
sub use_descriptors
{
	foreach my $way ('udp', 'tcp', 'udp, keep_open')
	{
		$session->text(Session::set_way($way) . "; SET pgcares.timeout = '10ms'");
		foreach my $name (qw(sound tc tcreset nxdomain rcode2 drop tcpsilent a3))
		{
			$session->query("SELECT * FROM dns_a('$name.n$_.example')") foreach 1 .. 10;
			$session->query("SELECT 1 / (ttl - ttl) FROM dns_a('$name.n$_.example')") foreach 1 .. 10;
		}
		$session->text("SET pgcares.timeout = '60s'; SET statement_timeout = '5ms'");
		is($session->sqlstate(q{SELECT * FROM dns_a('drop.example')}), '57014', 'a cancelled lookup') foreach 1 .. 10;
		$session->text('RESET statement_timeout; RESET pgcares.timeout; RESET pgcares.tcp; RESET pgcares.keep_open');
	}
	# the next lookup gives up a channel that stays open
	$session->text($lookup);
}

$session->text(<<"SQL");
CREATE FUNCTION fail(times int) RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
	FOR i IN 1 .. times LOOP
		BEGIN
			PERFORM * FROM dns_a('sound.example');
		EXCEPTION WHEN insufficient_resources THEN
			NULL;
		END;
	END LOOP;
END
\$\$;
SELECT fail(1);
SELECT sum(total_bytes) FROM pg_backend_memory_contexts;
SQL

# The limit of the server
SKIP:
{
	my $reason = Descriptors->missing($session);
	skip $reason, 1 if $reason;

	my $descriptors = Descriptors->new($node, $session);
	$session->text($lookup);
	my $before = $session->descriptors;
	my $all = $descriptors->take(0);
	cmp_ok($all, '>', FOR_A_LOOKUP, "$all descriptors are for extensions");

	my $taken = $session->descriptors;
	says_so($lookup, 'none left');
	says_so("SET pgcares.tcp = on; $lookup", 'none left, TCP');
	leaves_no_memory('none left');
	is_deeply($session->descriptors, $taken, 'none left: descriptors as before');
	$descriptors->give;
	goes_on($before, 'none left');

	# with one, there is a socket but no way to wait for it
	$descriptors->take(1);
	says_so($lookup, 'one left');
	leaves_no_memory('one left');
	$descriptors->give;
	goes_on($before, 'one left');

	$descriptors->take(FOR_A_LOOKUP);
	is($session->text(q{SELECT * FROM dns_a('tc.example')}), $found, 'enough left for UDP, TCP and the event set');
	$descriptors->give;

	use_descriptors();
	is($descriptors->take(0), $all, 'all descriptors are free again after all kinds of lookups');
	$descriptors->give;
}

# The limit of the system
SKIP:
{
	skip 'prlimit is not installed', 1 if system('prlimit --version >/dev/null 2>&1') != 0;

	my $pid = $session->pid;
	my ($usual) = slurp_file("/proc/$pid/limits") =~ /^Max open files\s+(\d+)/m;

	# Lets the backend open this many more descriptors.
	my $leave = sub {
		my ($count) = @_;
		my %used = map { m{([^/]+)$} => 1 } glob "/proc/$pid/fd/*";
		my @unused = grep { !$used{$_} } 0 .. $count + keys %used;

		system('prlimit', '--pid', $pid, '--nofile=' . $unused[$count] . ':') == 0 or die "cannot set a limit\n";
	};
	my $lift = sub { system('prlimit', '--pid', $pid, "--nofile=$usual:") == 0 or die "cannot lift a limit\n" };

	my $file = PostgreSQL::Test::Utils::tempdir() . '/resolv.conf';
	append_to_file($file, "nameserver 127.0.0.1\n");
	my %system = (servers => '', udp_port => $server->port, tcp_port => $server->port, resolvconf => $file);
	my $system = join '; ', map { "SET pgcares.$_ = '$system{$_}'" } sort keys %system;
	my $reset = join '; ', map { "RESET pgcares.$_" } 'tcp', sort keys %system;
	my $tc = q{SELECT * FROM dns_a('tc.example')};

	# opens every file that PostgreSQL needs for these lookups
	$session->text("SELECT dns_reset(); $lookup; SET pgcares.tcp = on; $lookup; $tc; $system; $lookup; $reset; $lookup");
	my $before = $session->descriptors;

	# descriptors that are left, two statements, and the title
	foreach ([ 0, '', $lookup, 'a lookup' ],
		[ 0, 'SELECT dns_reset()', $lookup, 'a lookup with a new channel' ],
		[ 0, 'SET pgcares.tcp = on', $lookup, 'a lookup over TCP' ],
		[ 1, '', $lookup, 'a lookup' ],
		[ 2, '', $tc, 'an answer that is truncated' ],
		[ 0, $system, $lookup, "a lookup with the system's configuration" ])
	{
		my ($left, $first, $sql, $what) = @$_;

		$what .= ", descriptors left to the process: $left";
		$session->text($first);
		$leave->($left);
		says_so($sql, $what);
		leaves_no_memory($what) if $sql eq $lookup;
		$lift->();
		$session->text($reset);
		goes_on($before, $what);
	}
}

# Questions that go on over TCP have a connection to each server. That is no lack of
# descriptors, whatever the servers do with the connections.
{
	my @three = ($server, map { NameServer->misbehaving(address => "127.0.0.$_") } 2, 3);
	my $servers = join ', ', map { $_->address } @three;
	my $session = Session->new($node);

	$session->text("SET pgcares.servers = '$servers'; SET pgcares.tries = 2");
	foreach my $rotate (qw(on off))
	{
		$session->text("SET pgcares.rotate = '$rotate'");
		foreach my $label (qw(tc tcclose tcreset tcpartial))
		{
			my $names = "SELECT '$label.n' || g || '.$rotate.example' AS name FROM generate_series(1, 60) g";

			is($session->sqlstate("SELECT count(*) FROM dns_message_many(ARRAY($names))"),
				'00000', "$label, three servers, rotate $rotate: an array");
			is($session->sqlstate("SELECT count(*) FROM ($names) n, LATERAL dns_message(name)"),
				'00000', "$label, three servers, rotate $rotate: rows");
		}
	}
}
done_testing();
