# Property: pgcares.lookups decides whether the hosts file is read before or after name
# servers or instead of them; a change of it is noticed; and with any content, it costs
# little, reading can be interrupted, and no message shows the content.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use Fcntl ();
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server]);
my $directory = PostgreSQL::Test::Utils::tempdir();
my $file = "$directory/hosts";
my $session = Session->new($node);
$session->text("LOAD 'pgcares'; SET pgcares.hosts_file = '$file'");

sub write_file
{
	my ($path, $content) = @_;

	open(my $handle, '>', $path) or die "cannot write \"$path\": $!\n";
	print $handle $content;
	close $handle or die "cannot write \"$path\": $!\n";
}

# The outcome of a statement, and the number of its queries
sub asked
{
	my ($sql) = @_;

	$server->forget;
	my $result = $session->query($sql);
	my $state = Session::sqlstate_of($result);
	my $rows = join "\n", map { join '|', map { $_ // '' } @$_ } @{ $result->{rows} };
	return ($state eq '00000' ? $rows : $state, $server->count);
}

sub gives
{
	my ($sql, $expected, $queries, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is_deeply([ asked($sql) ], [ $expected, $queries ], $what);
}

# ---- The order of the sources

write_file($file, <<'HOSTS');
# only 10.0.0.9 comment
10.0.0.1	both.example here	# not 10.0.0.9
10.0.0.2	nxdomain.file.example nodata.file.example rcode2.file.example
10.0.0.3	v4.example
2001:db8::5	nodata.v6.example
192.0.2.1	named.by.file
HOSTS

my %both = (b => [ '2001:db8::1', 2 ], f => [ '10.0.0.1', 0 ], fb => [ '10.0.0.1', 0 ], bf => [ '2001:db8::1', 2 ]);
my %missing = (b => [ 'ND003', 2 ], f => [ '10.0.0.2', 0 ], fb => [ '10.0.0.2', 0 ], bf => [ '10.0.0.2', 2 ]);
my %empty = (b => [ 'NDA00', 2 ], f => [ '10.0.0.2', 0 ], fb => [ '10.0.0.2', 0 ], bf => [ '10.0.0.2', 2 ]);
my %failed = (b => [ 'ND002', 2 ], f => [ '10.0.0.2', 0 ], fb => [ '10.0.0.2', 0 ], bf => [ 'ND002', 2 ]);
my %nowhere = (b => [ 'ND003', 2 ], f => [ 'ND003', 0 ], fb => [ 'ND003', 2 ], bf => [ 'ND003', 2 ]);
my %other_family = (b => [ '2001:db8::1', 1 ], f => [ 'NDA00', 0 ], fb => [ '2001:db8::1', 1 ], bf => [ '2001:db8::1', 1 ]);
my %reverse = (
	b => [ 'sound.1.2.0.192.in-addr.arpa', 1 ],
	f => [ 'named.by.file', 0 ],
	fb => [ 'named.by.file', 0 ],
	bf => [ 'sound.1.2.0.192.in-addr.arpa', 1 ]);
my %reverse_nowhere =
  (b => [ 'sound.9.2.0.192.in-addr.arpa', 1 ], f => [ 'ND003', 0 ], fb => [ 'sound.9.2.0.192.in-addr.arpa', 1 ]);

foreach my $lookups (qw(b f fb bf))
{
	$session->text("SET pgcares.lookups = $lookups");
	gives("SELECT dns_lookup('both.example')", @{ $both{$lookups} }, "$lookups: a name in file and DNS");
	gives("SELECT dns_lookup('nxdomain.file.example')", @{ $missing{$lookups} }, "$lookups: a name that is not in DNS");
	gives("SELECT dns_lookup('nodata.file.example')", @{ $empty{$lookups} }, "$lookups: ... without data");
	gives("SELECT dns_lookup('rcode2.file.example')", @{ $failed{$lookups} }, "$lookups: ... with a failure");
	gives("SELECT dns_lookup('nxdomain.example')", @{ $nowhere{$lookups} }, "$lookups: a name that is in neither");
	gives("SELECT dns_lookup('v4.example', 6)", @{ $other_family{$lookups} }, "$lookups: the file has the other family");
	gives("SELECT dns_reverse('192.0.2.1')", @{ $reverse{$lookups} }, "$lookups: an address");
	gives("SELECT dns_reverse('192.0.2.9')", @{ $reverse_nowhere{$lookups} }, "$lookups: an address not in the file")
	  if $reverse_nowhere{$lookups};
}
gives(
	q{SELECT * FROM dns_gethostbyname('nodata.v6.example')},
	'nodata.v6.example|{}|{2001:db8::5}', 2, 'bf: a row from the file');

my $silent = NameServer->silent;
$session->text(
	"SET pgcares.servers = '${\$silent->address}'; SET pgcares.tries = 1; SET pgcares.timeout = '100ms'");
is($session->sqlstate(q{SELECT dns_lookup('nxdomain.file.example')}), 'NDA12', 'bf: never after a timeout');
is($session->sqlstate(q{SELECT dns_reverse('192.0.2.1')}), 'NDA12', 'bf: neither for an address');
$session->text('RESET pgcares.servers; RESET pgcares.tries; RESET pgcares.timeout');
$silent->stop;

# The system's order: a lookup line in its file
foreach ([ "lookup bind\n", 'b' ], [ "lookup file\n", 'f' ], [ "lookup bind file\n", 'bf' ],
	[ "options ndots:2\nlookup  file\tbind yp\r\n", 'fb' ])
{
	my ($content, $lookups) = @$_;

	write_file("$directory/resolv.conf", $content);
	$session->text("SET pgcares.resolvconf = '$directory/resolv.conf'; SET pgcares.lookups = system");
	gives("SELECT dns_lookup('both.example')", @{ $both{$lookups} }, "the system's $lookups");
	gives("SELECT dns_lookup('nxdomain.file.example')", @{ $missing{$lookups} }, '... a name that is not in DNS');
}

# Without such a line the order is that of the host, which this test cannot change; the
# default is the file first.
my ($words) = -r '/etc/nsswitch.conf' ? slurp_file('/etc/nsswitch.conf') =~ /^\s*hosts:([^#\n]*)/m : ();
my $order = join '', map { /^files?$/ ? 'f' : 'b' } ($words // '') =~ /(?<!\S)(files?|dns|bind|resolve)(?!\S)/g;
my $system = $order =~ /^f+$/ ? 'f' : $order =~ /^b+$/ ? 'b' : $order =~ /^b/ ? 'bf' : 'fb';
write_file("$directory/resolv.conf", "nameserver 192.0.2.53\n");
gives("SELECT dns_lookup('both.example')", @{ $both{$system} }, "the host's $system");
gives("SELECT dns_lookup('nxdomain.file.example')", @{ $missing{$system} }, '... a name that is not in DNS');

# ---- The content of the file

$session->text('SET pgcares.lookups = f');
write_file($file, join '', map { "$_\n" }
	  "\t10.1.0.1  \tTab.Example\talias",
	"10.1.0.2 crlf\r",
	'10.1.0.3 two', '10.1.0.4 two', '10.1.0.3 two # again', '2001:db8::3 two',
	'10.1.0.5 dotted. two', 'fe80::1%lo0 scoped', '10.1.0.6 -odd_ under_score esc\032ape',
	'10.1.0 short', '0x0a.1 hex', '10.1.0.7', '10.1.0.8 #commented', 'name.only', '10.1.0.9 a..b .c good',
	"10.1.0.10 caf\xc3\xa9 plain", "10.1.0.11 nul\0name behind", '10.1.0.12 ' . 'l' x 64 . ' ' . 'x.' x 5000 . ' behind2',
	'10.1.0.13 same same SAME', '10.1.0.14 localhost');
foreach (
	[ "dns_lookup('tab.example')", '10.1.0.1' ], [ "dns_lookup('ALIAS.')", '10.1.0.1' ],
	[ "dns_lookup('crlf')", '10.1.0.2' ], [ "dns_lookup('dotted')", '10.1.0.5' ],
	[ "dns_lookup('scoped')", 'fe80::1' ], [ "dns_lookup('-odd_')", '10.1.0.6' ],
	[ "dns_lookup('under_score')", '10.1.0.6' ], [ "dns_lookup('esc\\032ape')", '10.1.0.6' ],
	[ "dns_lookup('good')", '10.1.0.9' ], [ "dns_lookup('plain')", '10.1.0.10' ],
	[ "dns_lookup('behind2')", '10.1.0.12' ], [ "dns_lookup('localhost')", '::1' ],
	(map { [ "dns_lookup('$_')", 'ND003' ] } qw(short hex commented only again)),
	[ "dns_reverse('10.1.0.7')", 'ND003' ], [ "dns_reverse('10.1.0.1/8')", 'Tab.Example' ],
	[ "dns_reverse('2001:db8::3')", 'two' ])
{
	my ($call, $expected) = @$_;
	gives("SELECT $call", $expected, 0, $call);
}
gives('SELECT * FROM dns_addresses(\'two\')', "2001:db8::3|\n10.1.0.3|\n10.1.0.4|\n10.1.0.5|", 0,
	'addresses of all lines, each once, those of a family in the order of the file');
gives(q{SELECT * FROM dns_gethostbyname('two', 4)}, 'two|{dotted}|{10.1.0.3,10.1.0.4,10.1.0.5}', 0, 'names of all lines');
gives(q{SELECT * FROM dns_gethostbyaddr('10.1.0.1')}, 'Tab.Example|{alias}|{10.1.0.1}', 0, 'names of an address');
gives(q{SELECT * FROM dns_gethostbyaddr('10.1.0.13')}, 'same|{}|{10.1.0.13}', 0, 'a name twice in a line');
gives(q{SELECT * FROM dns_getaddrinfo('alias', '53', flags => '{canonname}')},
	'10.1.0.1|53|4|0|0||Tab.Example|{}', 0, 'dns_getaddrinfo()');
gives(q{SELECT * FROM dns_getnameinfo('10.1.0.1')}, 'Tab.Example|', 0, 'dns_getnameinfo()');

# ---- Changes

sub has
{
	my ($address, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	gives(q{SELECT dns_lookup('n.example')}, $address, 0, $what);
}

write_file($file, "10.2.0.1 n.example\n");
has('10.2.0.1', 'rewritten');
write_file($file, "10.2.0.22 n.example\n");
has('10.2.0.22', 'rewritten again');
write_file("$file.new", "10.2.0.33 n.example\n");
rename "$file.new", $file;
has('10.2.0.33', 'replaced');
unlink $file;
has('ND003', 'gone');
symlink "$file.other", $file;
has('ND003', 'a link that leads nowhere');
write_file("$file.other", '10.2.0.4 n.example');
has('10.2.0.4', 'a link that leads somewhere, no line feed at the end');
$session->text("SET pgcares.hosts_file = '$file.third'");
has('ND003', 'another file, which does not exist');
write_file("$file.third", '10.2.0.5 n.example');
has('10.2.0.5', 'another file');
$session->text("SET pgcares.hosts_file = '$file'");
has('10.2.0.4', 'the first one again');
unlink $file;

# ---- Things that are not a hosts file

mkdir $file;
has('ND003', 'a directory');
rmdir $file;
$session->text("SET pgcares.hosts_file = '/dev/zero'");
has('ND003', 'a device');
$session->text("SET pgcares.hosts_file = '$file'");

# opening a pipe that nobody writes to would wait for ever
POSIX::mkfifo($file, 0600) or die "cannot make a pipe: $!\n";
$session->send(q{SELECT dns_lookup('n.example')});
my $result = eval { local $PostgreSQL::Test::Utils::timeout_default = 10; $session->result };
is($result ? Session::sqlstate_of($result) : 'none', 'ND003', 'a named pipe');
sysopen(my $pipe, $file, Fcntl::O_WRONLY | Fcntl::O_NONBLOCK) if !$result;
unlink $file;

srand 1;
foreach ([ '', 'empty' ], [ "\0" x 100000, 'zeros' ], [ join('', map { chr int rand 256 } 1 .. 1 << 20), 'junk' ],
	[ 'x' x (1 << 20), 'a long word' ], [ '10.0.0.1 ' . 'x ' x (1 << 19), 'a long line' ],
	[ ('1' x 100 . ' n.example') x 10, 'a long number' ], [ "\n" x (1 << 20), 'empty lines' ])
{
	my ($content, $what) = @$_;

	write_file($file, $content);
	has('ND003', $what);
	write_file($file, "$content\n10.2.0.6 n.example\n");
	has('10.2.0.6', "$what, and a line after it");
}

sub refused
{
	my ($state, $message, $what) = @_;
	my $error = $session->query(q{SELECT dns_lookup('n.example')})->{error};

	is($error->{C}, $state, "$what: SQLSTATE");
	like($error->{M}, $message, "$what: message");
	unlike(join(' ', values %$error), qr/secret/, "$what: no content is shown");
}

write_file($file, "secret 10.2.0.7 n.example\n");
SKIP:
{
	chmod 0, $file;
	skip 'this user can read every file', 3 if -r $file;
	refused('42501', qr/could not open file/, 'unreadable');
}
chmod 0600, $file;
has('ND003', 'readable');
truncate $file, (128 << 20) + 1;
refused('54000', qr/is too large/, 'too large');
write_file($file, "10.2.0.8 n.example\n");
has('10.2.0.8', 'small again');
$session->text('SET pgcares.lookups = b');
truncate $file, (128 << 20) + 1;
gives(q{SELECT dns_lookup('n.example')}, '2001:db8::1', 2, 'too large, but not needed');
$session->text('SET pgcares.lookups = f');

# ---- A million lines

open(my $handle, '>', $file) or die "cannot write \"$file\": $!\n";
printf $handle "10.%d.%d.%d\thost%d.big.example h%d\n", $_ >> 16 & 255, $_ >> 8 & 255, $_ & 255, $_, $_
  foreach 0 .. 999_999;
print $handle map { "0.0.0.0 ads$_.big.example\n" } 1 .. 100_000;
close $handle;

my $contexts = "SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'pgcares file' AND ident = '$file'";
sub seconds_of
{
	my ($sql, $expected, $what) = @_;
	my $before = $session->cpu_time;

	is($session->text($sql), $expected, $what);
	return $session->cpu_time - $before;
}

# cancelled while it is read: nothing is left, and the file does not count as read
my $other = Session->new($node);
my $before = $session->status('RssAnon');
my $cancelled = 0;
foreach my $attempt (1 .. 20)
{
	$session->send(q{SELECT dns_lookup('host999999.big.example')});
	my $used = $session->cpu_time;
	Session::wait_until(sub { $session->cpu_time > $used + 0.05 || $session->has_result }, 'the file to be read');
	my $start = time;
	$other->text('SELECT pg_cancel_backend(' . $session->pid . ')');
	$result = $session->result;
	next if Session::sqlstate_of($result) ne '57014';
	$cancelled++;
	cmp_ok($result->{time} - $start, '<', 1, 'a cancel while the file is read: soon');
	is($session->text($contexts), '0', '... and nothing is left of it');
	last if $cancelled == 3;
}
is($cancelled, 3, 'reading was cancelled');
Session::costs_less($session->status('RssAnon') - $before, 20000, '... and the memory is given back');

my $first = seconds_of(q{SELECT dns_lookup('host999999.big.example')}, '10.15.66.63', 'a million lines');
my $later = seconds_of(<<'SQL', '1000', '... a thousand lookups later');
SELECT count(dns_lookup('h' || i)) FROM generate_series(0, 999000, 999) i WHERE i > 0
SQL
note(sprintf 'the first lookup took %.2f s, the next thousand %.2f s, %d kB', $first, $later,
	$session->text(q{SELECT total_bytes / 1024 FROM pg_backend_memory_contexts WHERE name = 'pgcares file'}));
Session::costs_less($first, 10, '... are read in a few seconds');
cmp_ok($later, '<', $first, '... once');
is($session->text(q{SELECT dns_reverse('10.15.66.63')}), 'host999999.big.example', '... by address too');
my $names = $session->text(q{SELECT cardinality(aliases) FROM dns_gethostbyaddr('0.0.0.0')});
cmp_ok($names, '==', 999, 'of 100000 names of an address, a limited number is returned');
Session::costs_less(seconds_of(q{SELECT dns_reverse('0.0.0.0')}, 'ads1.big.example', '... and the first one'),
	1, '... is found soon');

# memory holds one file, after any number of changes
$before = $session->status('RssAnon');
foreach my $number (1 .. 5)
{
	open($handle, '>>', $file) or die "cannot write \"$file\": $!\n";
	print $handle "10.9.9.$number again$number\n";
	close $handle;
	gives("SELECT dns_lookup('again$number')", "10.9.9.$number", 0, 'the file has grown');
}
is($session->text($contexts), '1', 'one file is kept');
Session::costs_less($session->status('RssAnon') - $before, 50000, '... in the memory of one');
is($session->text('SELECT pg_backend_pid()'), $session->pid, 'the session goes on');

done_testing();
