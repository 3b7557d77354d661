# If memory runs out at any allocation, a call ends with SQLSTATE 53200 or with the right
# rows: never with wrong ones, nor with a status that hides the reason. The session goes
# on, and nothing remains: no descriptor, no socket, no block.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use NameServer;
use Session;

# Allocations that fail: each one up to the first number (the second for similar cases),
# later ones with growing distance, up to the last number.
use constant {
	EACH_UP_TO => $ENV{PGCARES_DEEP} ? 5000 : 15,
	SOME_UP_TO => $ENV{PGCARES_DEEP} ? 1000 : 15,
	FURTHER => $ENV{PGCARES_DEEP} ? 0.01 : 0.15,
	LAST => 20000
};

# All further ones fail too.
use constant ALL => 1 << 40;

# Seconds of a try, and seconds that a statement has if it waits for no answer in vain
use constant { TIMEOUT => 30, IN_TIME => 15 };

my @servers = map { NameServer->misbehaving } 1 .. 2;
my $folder = PostgreSQL::Test::Utils::tempdir . '/failing';
my $log = "$folder.log";
my ($hosts, $resolvconf) = map { PostgreSQL::Test::Utils::tempdir . "/$_" } qw(hosts resolv.conf);
append_to_file($hosts, "192.0.2.8 first one.more\n192.0.2.9 second\n198.51.100.9 second\n");
append_to_file($resolvconf, "nameserver 127.0.0.2\nnameserver 127.0.0.3\nsearch example\n");

# One library in which each piece of memory is an allocation, and one as usual
foreach ([ $folder, '-DMALLOC_ONLY' ], [ "$folder.pool", '' ])
{
	system("'$FindBin::RealBin/../memory/build' '$_->[0]' '$_->[1]' > '$log' 2>&1") == 0
	  or BAIL_OUT('cannot build the library: ' . slurp_file($log));
}

# Allocations of PostgreSQL and other libraries can fail too, but not under a checker,
# which has its own malloc(), nor with a shared c-ares, which can crash then.
my $shared = slurp_file("$folder/pgcares.so") =~ /libcares\.so/;
local $ENV{LD_PRELOAD} = "$folder/preload.so" if !$ENV{PGCARES_WATCHED} && !$shared;

# If LLVM has no memory, PostgreSQL ends the session (errcode 53200, FATAL).
my $node = Session->cluster(\@servers, sprintf("pgcares.timeout = '%ds'", TIMEOUT), 'pgcares.default_server = on', sprintf("pgcares.max_timeout = '%ds'", TIMEOUT), 'jit = off');
$node->safe_psql('postgres', $_) foreach
  "UPDATE pg_proc SET probin = '$folder/pgcares' WHERE probin LIKE '%pgcares'",
  (map { "CREATE FUNCTION pgcares_$_ LANGUAGE C AS '$folder/pgcares'" } 'fail(bigint, bigint) RETURNS void', map { "$_() RETURNS bigint" } qw(failed blocks)),
  q{CREATE FUNCTION caught(name text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		RETURN (SELECT string_agg(host(address), ' ') FROM dns_a(name, 'ignore'));
	EXCEPTION WHEN out_of_memory THEN
		RETURN 'caught';
	END $$},
  q{CREATE TABLE hosts AS SELECT g AS id, (ARRAY['sound', 'tc', 'nxdomain', 'a3', 'rcode2', 'cname3'])[g % 6 + 1] || '.n' || g || '.example' AS n FROM generate_series(1, 12) g};

my $session = Session->new($node);
my $pid = $session->pid;
my $lookup = q{(SELECT string_agg(host(address), ' ') FROM dns_a('sound.example'))};

# An array of names, one for each label
sub names
{
	return 'ARRAY[' . join(', ', map { "'$_.m.example'" } @_) . ']';
}

sub rows_of
{
	my ($result) = @_;
	return join "\n", map { join '|', map { $_ // '' } @$_ } @{ $result->{rows} };
}

# Runs a statement again and again with failing allocations, until it ends without one.
sub series
{
	my ($what, $sql, %options) = @_;
	my $before = $options{before} // '';
	my @wrong;
	my %count = map { $_ => 0 } qw(53200 00000);
	my $n;

	$session->text("$before; SELECT 1");
	my $expected = rows_of($session->query($sql));
	isnt($expected, '', "$what: there are rows");
	$session->text('SELECT dns_reset()');
	my @state = (blocks(), $session->descriptors);

	for ($n = 1; $n <= LAST; $n += 1 + ($n < ($options{each} // EACH_UP_TO) ? 0 : int($n * FURTHER)))
	{
		$session->text($before) if $before ne '';
		$session->text("SELECT pgcares_fail($n, " . ($options{times} // 1) . ')');
		my $start = time;
		my $result = $session->query($sql);
		my $state = Session::sqlstate_of($result);
		$count{$state}++;
		push @wrong, "$n: $state too late" if $result->{time} - $start > IN_TIME;
		my $rows = rows_of($result);
		$rows = with_those_caught($rows, $expected) if $options{caught};
		push @wrong, "$n: $state " . ($result->{error} ? $result->{error}{M} : $rows)
		  if $state ne '53200' && ($state ne '00000' || $rows ne $expected);
		last if $result->{ended};

		$session->text($options{after}) if $options{after};
		my ($failed, @now) = split /\|/, $session->text("SELECT pgcares_failed(), pg_backend_pid(), $lookup");
		push @wrong, "$n: afterwards @now" if "@now" ne "$pid 192.0.2.1";
		last if @wrong > 5 || !$failed;
	}
	is_deeply(\@wrong, [], "$what: right rows or 53200");
	cmp_ok($n, '<=', LAST, '... to the end');
	cmp_ok($count{53200}, '>', 0, '... 53200 among them');
	$session->text('SELECT dns_reset()');
	my @now = (blocks(), $session->descriptors);
	$now[0] = $state[0] if $options{may_keep};
	is_deeply(\@now, \@state, '... and nothing remains');
	note("$what: $count{53200} errors, $count{'00000'} without, of $n allocations");
}

# The rows; a value that was caught counts as the expected one.
sub with_those_caught
{
	my ($rows, $expected) = @_;
	my @expected = split /\n/, $expected;

	return join "\n", map { my $right = shift @expected; /^(.*\|)caught$/ && $right =~ /^\Q$1\E/ ? $right : $_ } split /\n/, $rows;
}

sub blocks
{
	return $session->text('SELECT pgcares_blocks()');
}

my @mixed = (
	(map { "sound.n$_" } 1 .. 20), (map { "tc.n$_" } 1 .. 4), (map { "big100.n$_" } 1 .. 2),
	(map { ("rcode2.n$_", "cname5.n$_", "a3.n$_", "nxdomain.n$_", "noedns1.n$_", "short.n$_", 'sound.n1') } 1 .. 3),
	qw(nodata twice counts loopptr fwdptr optlong tcptwice tcphalf ede .. -x));
my $many = 'SELECT ord, status, rdata FROM dns_query_many(' . names(@mixed) . ')';
my $addresses = q{ARRAY(SELECT inet '192.0.2.0' + g FROM generate_series(1, 20) g)};

series('many names', $many);
series('many names, nothing left', $many, times => ALL, each => SOME_UP_TO);
series('many names, new channel', $many, before => 'SELECT dns_reset()', each => SOME_UP_TO);
$session->text(q{SET pgcares.tcp = on; SET pgcares.keep_open = on; SET pgcares.edns = off});
series('many names over TCP', $many, before => 'SELECT dns_reset()', each => SOME_UP_TO);
$session->text('RESET pgcares.tcp; RESET pgcares.keep_open; RESET pgcares.edns');
series('silence', 'SELECT ord, status FROM dns_query_many(' . names(map { "drop.n$_" } 1 .. 5) . ')',
	before => q{SET pgcares.timeout = '20ms'; SET pgcares.tries = 2});
$session->text('RESET pgcares.timeout; RESET pgcares.tries');
series('many hosts', "SELECT * FROM dns_lookup_many(" . names(qw(sound tc nodata nxdomain cname3 rcode2 localhost), 'Bücher') . ')');
series('addresses of many hosts', "SELECT * FROM dns_addresses_many(" . names(qw(sound tc cname3 rcode2)) . ')');
series('many servers', 'SELECT ord, status FROM dns_message_at_many(ARRAY[' . join(', ', map { q{'} . $_->address . q{'} } @servers, @servers) . q{], 'sound.example', 'TXT')}, each => SOME_UP_TO);
series('many addresses', "SELECT * FROM dns_reverse_many($addresses)");
series('many messages', 'SELECT ord, status, rcode, answer FROM dns_message_many(' . names(qw(sound tc nxdomain rcode2 short ede)) . q{, 'TXT')});
series('one name', q{SELECT * FROM dns_query('sound.example', 'MX')});
series('new settings', q{SELECT * FROM dns_query('tc.example', 'TXT')}, before => 'SELECT dns_reset()');
series('the only try', q{SELECT * FROM dns_query('tc.example', 'TXT')},
	before => "SELECT dns_reset(); SET pgcares.tries = 1; SET pgcares.servers = '" . $servers[0]->address . "'", each => 400);
$session->text('RESET pgcares.tries; RESET pgcares.servers');
series('new settings, nothing left', q{SELECT * FROM dns_query('tc.example', 'TXT')}, before => 'SELECT dns_reset()', times => ALL);
series('message', q{SELECT rcode, answer FROM dns_message('ede.example', 'TXT')});
series('message as JSON', q{SELECT dns_message_json('cname3.example', 'SVCB') - 'ID' - 'messageOctetsHEX'});
series('addresses to connect to', q{SELECT * FROM dns_getaddrinfo('sound.example', 'http')});
series('search list', q{SELECT * FROM dns_search('sound', 'A')}, before => q{SET pgcares.domains = 'm.example, n.example'});
series('hosts file', q{SELECT dns_lookup('first'), dns_reverse('192.0.2.8'), * FROM dns_gethostbyname('first')},
	before => "SET pgcares.lookups = 'fb'; SET pgcares.hosts_file = '/dev/null'; SELECT dns_lookup('localhost'); SET pgcares.hosts_file = '$hosts'");
series('order of addresses', q{SELECT * FROM dns_addresses('second')},
	before => "SET pgcares.sortlist = ''; SELECT dns_addresses('first'); SET pgcares.sortlist = '198.51.100.0/24, 192.0.2.0/24'");
series('servers of the system', q{SELECT address, udp_port, source FROM dns_servers()},
	before => "SET pgcares.servers = ''; SET pgcares.resolvconf = '$resolvconf'",
	after => 'RESET pgcares.servers');
$session->text("RESET pgcares.$_") foreach qw(lookups hosts_file sortlist servers resolvconf domains);
series('settings', q{SET LOCAL pgcares.tcp = on; SET LOCAL pgcares.ignore_truncation = on; SELECT set_config('pgcares.servers', '127.0.0.1:5, [::1]:7', true), set_config('pgcares.domains', 'x.example', true), set_config('pgcares.sortlist', '10.0.0.0/8', true)}, may_keep => 1);
series('text', q{SELECT dns_to_ascii('bücher.example'), dns_to_unicode('xn--bcher-kva.example'), dns_reverse_address('2001:db8::1'), dns_address_from_reverse('1.2.0.192.in-addr.arpa'), dns_strerror(3), dns_status_is_final('RCODE12')});
series('lists', q{SELECT (SELECT count(*) FROM dns_types()), (SELECT count(*) FROM dns_statuses())});
my $message = $session->text(q{SELECT wire FROM dns_message('cname3.example', 'SVCB')});
series('parsing', "SELECT * FROM dns_parse('$message')");
series('parsing as JSON', "SELECT dns_message_json('$message'::bytea)");

# Looking ahead: a failure there is silent, and the call then asks by itself.
my $lateral = q{SELECT h.id, a.address, a.ttl FROM hosts h LEFT JOIN LATERAL dns_a(h.n, 'ignore') a ON true ORDER BY h.id};
series('looking ahead', $lateral);
series('looking ahead, nothing left', $lateral, times => ALL);
series('looking ahead twice', q{SELECT h.id, a.address, dns_lookup(h.n, 4, 'ignore') FROM hosts h LEFT JOIN LATERAL dns_a(h.n, 'ignore') a ON true ORDER BY h.id});
series('an error that is caught', q{SELECT h.id, a.address, caught(h.n) FROM hosts h LEFT JOIN LATERAL dns_a(h.n, 'ignore') a ON true ORDER BY h.id}, caught => 1);

# ---- The usual library, with pieces from blocks

$session->close;
$node->safe_psql('postgres', "UPDATE pg_proc SET probin = '$folder.pool/pgcares' WHERE probin LIKE '%pgcares'");
$session = Session->new($node);
$pid = $session->pid;
series('blocks, many names', $many, before => 'SELECT dns_reset()');
series('blocks, nothing left', $many, before => 'SELECT dns_reset()', times => ALL, each => SOME_UP_TO);
series('blocks, one name', q{SELECT * FROM dns_query('sound.example', 'MX')}, before => 'SELECT dns_reset()');
series('blocks, looking ahead', $lateral, before => 'SELECT dns_reset()');

# ---- An address space with no room

SKIP:
{
	skip 'the checker needs address space', 4 if $ENV{PGCARES_WATCHED};
	skip 'c-ares is shared, and can crash', 4 if $shared;
	skip 'there is no program "prlimit"', 4 if system('prlimit > /dev/null 2>&1') != 0;
	my $fresh = Session->new($node);
	my $limit = sub { system('prlimit', '--pid', $fresh->pid, "--as=$_[0]:unlimited") };
	my $big = q{SELECT count(*), count(DISTINCT rdata) FROM dns_query_many(ARRAY(SELECT 'big1500.n' || g || '.example' FROM generate_series(1, 15) g))};
	my %count = map { $_ => 0 } qw(53200 00000);
	my @wrong;

	$fresh->text("SELECT $lookup");
	foreach my $room (0, 64, 128, 256, 512, 1024, 2048, 65536)
	{
		$limit->(($fresh->status('VmSize') + $room) * 1024);
		my $result = $fresh->query($big);
		$limit->('unlimited');
		my $state = Session::sqlstate_of($result);
		$count{$state}++;
		push @wrong, "$room kB: $state " . rows_of($result) if $state ne '53200' && ($state ne '00000' || rows_of($result) ne '22500|1500');
		last if $result->{ended};
		push @wrong, "$room kB: afterwards wrong" if $fresh->text("SELECT $lookup, pg_backend_pid()") ne '192.0.2.1|' . $fresh->pid;
	}
	is_deeply(\@wrong, [], 'answers without room: rows or 53200');
	cmp_ok($count{$_}, '>', 0, "... $_ among them") foreach qw(53200 00000);
	$fresh->text('SELECT dns_reset()');
	is_deeply([ $fresh->inet_sockets ], [], '... and no socket is left');
	note("without room: $count{53200} errors, $count{'00000'} without");
}

done_testing();
