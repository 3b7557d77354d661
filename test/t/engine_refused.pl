# A server that is down for a moment delays a batch and costs it no name, and so do packets
# that the host does not let out. If no server has ever answered, a lookup fails at once,
# and a batch within one timeout.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Batch;
use NameServer;
use Session;

# Names of a batch during a restart; the same over TCP
use constant { NAMES => $ENV{PGCARES_DEEP} ? 150_000 : 20_000, TCP_NAMES => 5000 };

# Seconds for which the server is down; seconds that a busy machine can add
use constant { AWAY => 1, SLACK => $ENV{PGCARES_WATCHED} ? 30 : 1.5 };

# As in sends.c
use constant { NUMBERS => 4, AS_ALWAYS => 0, FORBIDDEN => 5, NO_ROUTE => 6 };

my $folder = PostgreSQL::Test::Utils::tempdir;
my $numbers = "$folder/numbers";
system($ENV{CC} // 'gcc', '-shared', '-fPIC', '-O1', '-o', "$folder/sends.so", "$FindBin::RealBin/../system/sends.c") == 0
  or BAIL_OUT('cannot build sends.so');
append_to_file($numbers, "\0" x (8 * NUMBERS));

my $server = NameServer->misbehaving;
my $port = $server->port;
my $closed = '127.0.0.1:' . NameServer->closed_port;
my $node;
{
	# A checker must come first.
	local $ENV{LD_PRELOAD} = join ' ', grep { defined && length } $ENV{LD_PRELOAD}, "$folder/sends.so";
	local $ENV{SENDS} = $numbers;
	$node = Session->cluster([$server], "pgcares.timeout = '2s'");
}
my $session = Session->new($node, options => '-c statement_timeout=300s');
my $pause = Session->new($node);

sub put
{
	my (@values) = @_;

	open my $file, '+<', $numbers or die "cannot open $numbers: $!\n";
	syswrite $file, pack('q*', @values);
}

# A statement that counts names and those that have an answer
my %statement = (
	'a batch' => 'SELECT count(*), count(*) FILTER (WHERE status = \'NOERROR\') FROM dns_query_many(NAMES)',
	'LATERAL' => q{SELECT count(*), count(a.address) FROM unnest(NAMES) n LEFT JOIN LATERAL dns_a(n, 'ignore') a ON true});

# Runs one, and does something in the middle of it.
sub interrupted
{
	my ($what, $way, $names, $do) = @_;
	my ($array, $zone) = Batch->names(q{'delay2'}, $names);
	my %before = Batch::stats($session);

	$session->send($statement{$way} =~ s/NAMES/$array/r);
	Session::wait_until(sub { $server->has_seen('delay2.n' . int($names / 10) . ".$zone") }, 'some questions');
	$do->();
	my $result = $session->result;
	my %after = Batch::stats($session);
	is(Session::sqlstate_of($result), '00000', "$what, $way: no error") or diag(explain($result->{error}));
	is_deeply($result->{rows}, [ [ $names, $names ] ], '... no name is lost');
	note(sprintf '%d queries', $after{queries} - $before{queries});
	cmp_ok($after{queries} - $before{queries}, '<=', 8 * $names, '... without a try for each refusal');
}

sub restart
{
	$server->stop;
	$pause->text(sprintf 'SELECT pg_sleep(%f)', AWAY);
	$server = NameServer->misbehaving(port => $port);
}

foreach my $way (sort keys %statement)
{
	# A batch that waits for lost answers asks while the server is down.  The patience with
	# refusals, timeout * tries, has room for a machine that is slow to start the server.
	$session->text(q{SET pgcares.timeout = '800ms'; SET pgcares.tries = 40; SET pgcares.max_tries = 40});
	interrupted('a restart of the server', $way, NAMES, \&restart);
	$session->text('RESET pgcares.timeout; RESET pgcares.tries; RESET pgcares.max_tries');

	$session->text(q{SET pgcares.tcp = on; SET pgcares.tries = 40; SET pgcares.max_tries = 40});
	interrupted('a restart of the server, TCP', $way, TCP_NAMES, \&restart);
	$session->text('RESET pgcares.tcp; RESET pgcares.tries; RESET pgcares.max_tries');

	foreach my $case ([ FORBIDDEN, 'EPERM' ], [ NO_ROUTE, 'ENETUNREACH' ])
	{
		interrupted("$case->[1] for a second", $way, NAMES,
			sub {
				put($case->[0], (0) x (NUMBERS - 1));
				$pause->text(sprintf 'SELECT pg_sleep(%f)', AWAY);
				put((0) x NUMBERS);
			});
	}
}

# A single lookup, which is asked again too
$session->text('SELECT dns_reset()');
is($session->text(q{SELECT host(address) FROM dns_a('sound.example')}), '192.0.2.1', 'a server that is heard');
$server->stop;
$session->send(q{SELECT host(address) FROM dns_a('sound.single.example')});
$pause->text(sprintf 'SELECT pg_sleep(%f)', AWAY);
ok(!$session->has_result, 'a lookup waits while the server is down');
$server = NameServer->misbehaving(port => $port);
is_deeply($session->result->{rows}, [ ['192.0.2.1'] ], '... and gets its answer when it is back');

# It does not wait for ever, and after that no other lookup waits at all.
$session->text(q{SET pgcares.timeout = '200ms'; SET pgcares.tries = 2});
is($session->text(q{SELECT host(address) FROM dns_a('sound.example')}), '192.0.2.1', 'a server that is heard');
$server->stop;
foreach my $case ([ 'a lookup when the server stays down', 0.35, 0.4 ], [ 'the next one', 0, 0 ])
{
	my ($what, $at_least, $at_most) = @$case;
	my $start = time;

	is($session->sqlstate(q{SELECT * FROM dns_a('sound.example')}), 'NDA11', "$what: UNREACHABLE");
	my $seconds = time - $start;
	ok($seconds >= $at_least && $seconds < $at_most + SLACK, '... after the time of all its tries') or diag("$seconds s");
}

# The deadline of a batch counts while the server is down
{
	$server = NameServer->misbehaving(port => $port);
	$session->text(q{RESET ALL; SELECT count(*) FROM dns_a('sound.example')});
	$server->stop;
	my $batch = q{SELECT status, count(*) FROM dns_query_many(ARRAY(SELECT 'n' || g || '.example' FROM generate_series(1, 2000) g)) GROUP BY status};
	my $start = time;
	is($session->text("SET pgcares.deadline = '500ms'; $batch"), 'TIMEOUT|2000', 'a batch while the server is down ends by its deadline');
	cmp_ok(time - $start, '<', 0.5 + SLACK, '... in time');
	$session->text('RESET ALL');
}

# ---- A server that never listened

foreach my $way ('udp', 'tcp')
{
	my $start = time;

	$session->text(Session::set_way($way) . "; SET pgcares.servers = '$closed'; SELECT dns_reset()");
	is($session->sqlstate(q{SELECT * FROM dns_a('sound.example')}), 'NDA11', "a closed port, $way: a lookup fails");
	is($session->sqlstate(q{SELECT * FROM dns_addresses('sound.example')}), 'NDA11', '... and one of a host');
	cmp_ok(time - $start, '<', SLACK, '... at once');

	foreach my $way (sort keys %statement)
	{
		my ($array) = Batch->names(q{'sound'}, 2000);

		$session->text('SELECT dns_reset()');
		my %before = Batch::stats($session);
		$start = time;
		is($session->text($statement{$way} =~ s/NAMES/$array/r), '2000|0', "... $way fails");
		my $seconds = time - $start;
		my %after = Batch::stats($session);
		cmp_ok($after{queries} - $before{queries}, '<=', 2000 + 100, '... asked once, and now and then one of them');
		ok($seconds > 1.9 && $seconds < 2 + SLACK, '... after one timeout') or diag("$seconds s");
	}
	$session->text('RESET ALL');
}
is_deeply([ $session->inet_sockets ], [], 'no socket is left');
done_testing();
