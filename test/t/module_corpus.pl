# Property: every input of the fuzzer's corpora, given to a backend as users and name
# servers would give it, has one of the documented outcomes, and what comes from strangers
# is text in the database's encoding; the backend survives.
#
# Messages go to dns_parse() and dns_message_json(), and are answers of a name server to
# the questions in them; names, words and values go to their functions and settings;
# files, and 1000 random mixtures of them, are resolv.conf or the hosts file. The seed is
# printed; PGCARES_TEST_SEED gives the same files again.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Select;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Wire;

my $corpus = dirname(abs_path(__FILE__)) . '/../fuzz/corpus';
my $files = $ENV{PGCARES_WATCHED} ? 100 : 1000;
my $seed = $ENV{PGCARES_TEST_SEED} // int rand 2**31;
srand $seed;
note("PGCARES_TEST_SEED=$seed");

my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp') or die "cannot make a socket: $!\n";
my $node = Session->cluster([ '127.0.0.1:' . $server->sockport ],
	"pgcares.timeout = '5s'", 'pgcares.tries = 1', "log_statement = 'none'", "log_min_error_statement = panic",
	'log_min_messages = fatal');
my $session = Session->new($node);
my $pid = $session->pid;

# The inputs for a target, as octets
sub inputs
{
	my ($target) = @_;
	my @inputs = map { pack 'H*', $_ } split /\n/, slurp_file("$corpus/$target");

	die "the corpus of $target is empty\n" if !@inputs;
	return @inputs;
}

# The outcome of a statement, if its SQLSTATE is not allowed or its text is odd
sub wrong
{
	my ($result, @allowed) = @_;
	my $state = Session::sqlstate_of($result);
	my @odd = grep { defined && !utf8::decode(my $copy = $_) } map { @$_ } @{ $result->{rows} };

	return "$state " . ($result->{error}{M} // '') if !grep { $state =~ /^$_\z/ } '00000', @allowed;
	return @odd ? "not text: @odd" : ();
}

# Runs a statement for each input, and shows the inputs with a wrong outcome.
sub all_right
{
	my ($what, $statement, $allowed, @inputs) = @_;
	my @wrong;

	foreach my $input (@inputs)
	{
		push @wrong, map { unpack('H*', $input) . ": $_" } wrong($session->query($statement->($input)), @$allowed);
		last if @wrong > 10;
	}
	cmp_ok(scalar @inputs, '>', 0, "$what: there are " . @inputs);
	is_deeply(\@wrong, [], '... and each has an allowed outcome');
	is($session->text('SELECT pg_backend_pid()'), $pid, '... in the same backend');
}

sub literal
{
	my ($octets) = @_;
	return "'\\x" . unpack('H*', $octets) . "'::bytea";
}

# ---- Messages

my @answers = map { substr $_, 1 } grep { length > 1 } inputs('answer');
my @messages = (@answers, inputs('message'));

all_right('messages to parse', sub { "SELECT * FROM dns_parse(${\literal($_[0])})" }, ['NDA10'], @messages);
all_right('messages as JSON', sub { "SELECT dns_message_json(${\literal($_[0])})" }, [], @messages);

# The backend asks this question; the answer is the message with its id and letters.
sub answered_with
{
	my ($message, $labels, $type, $class) = @_;
	my $name = join '.', map { s/(.)/sprintf '\\%03d', ord $1/gesr } @$labels;

	$session->send("SELECT * FROM dns_query('" . ($name =~ s/'/''/gr || '.') . "', 'TYPE$type', 'CLASS$class')");
	while (!$session->has_result && IO::Select->new($server, $session->{socket})->can_read(10))
	{
		next if $session->has_result;
		my $peer = $server->recv(my $query, 1000);
		substr($message, 0, 2) = substr($query, 0, 2);
		send($server, $message, 0, $peer);
	}
	return $session->result;
}

# Each message with a question that can be asked gets a header that makes it an answer.
# No second question follows, whatever the answer leaves open.
$session->text('SET pgcares.recurse = off');
my (@wrong, %states);
my $asked = 0;
foreach my $message (@answers)
{
	next if length $message < 17;
	my ($flags, $questions) = unpack('x2 n2', $message);
	my ($labels, $at) = Wire::read_labels($message, 12);
	next if !$labels || length $message < $at + 4 || $questions == 0 || ($flags & 0xf800) != 0x8000;
	my ($type, $class) = unpack('n2', substr($message, $at));
	next if $type == 41 || $type >= 249 && $type <= 252 || lc($labels->[-1] // '') =~ /^(onion|invalid)$/;

	substr($message, 2, 1) = substr($message, 2, 1) & "\xfd";    # no server listens on TCP
	my $result = answered_with($message, $labels, $type, $class);
	push @wrong, map { unpack('H*', $message) . ": $_" } wrong($result, 'ND...');
	push @wrong, unpack('H*', $message) . ': the lookup waited' if Session::sqlstate_of($result) eq 'NDA12';
	$states{ Session::sqlstate_of($result) }++;
	$asked++;
	last if @wrong > 10;
}
cmp_ok($asked, '>=', @answers / 3, "$asked messages are answers to the questions in them");
is_deeply(\@wrong, [], '... and are rows or DNS errors');
cmp_ok($states{$_} // 0, '>', 10, "... $_ often enough") foreach '00000', 'NDA10';
is($session->text('SELECT pg_backend_pid()'), $pid, '... in the same backend');

# ---- Names, words and settings

# The inputs that are valid text for PostgreSQL
sub texts
{
	return grep { !/\0/ && utf8::decode(my $copy = $_) } @_;
}

# A literal with this text
sub quoted
{
	my ($text) = @_;
	return "convert_from(${\literal($text)}, 'UTF8')";
}

# Does a valid name stay the same? Other names need not.
sub shown_again
{
	my ($name) = @_;
	my $result = $session->query("SELECT a, dns_to_ascii(a) FROM dns_to_ascii(${\quoted($name)}) AS a");
	my ($once, $twice) = @{ $result->{rows}[0] // [] };

	return !defined $once ? ($result->{error}{M} // '') =~ /^\Q"$name"\E / : $once eq $twice;
}

my @names = texts(map { substr $_, 1 } grep { length } inputs('name'));
my @words = texts(inputs('word'));

all_right('names to ASCII', sub { "SELECT dns_to_ascii(${\quoted($_[0])})" }, ['22023'], @names);
all_right('names to Unicode', sub { "SELECT length(dns_to_unicode(${\quoted($_[0])}))" }, ['22023'], @names);
all_right('names of addresses', sub { "SELECT dns_address_from_reverse(${\quoted($_[0])})" }, ['22023'], @names);
is_deeply([ grep { !shown_again($_) } @names ], [], '... and the output is the same name again');

$session->text("SET pgcares.servers = '127.0.0.1:9'; SET pgcares.deadline = '1ms'");
# the deadline can be over before a name that nobody is asked for is refused
my @of_words = ([ '22023', 'ND003', 'NDA12' ], @words);
all_right('types', sub { "SELECT * FROM dns_query('x.invalid', ${\quoted($_[0])})" }, @of_words);
all_right('classes', sub { "SELECT * FROM dns_query('x.invalid', 'A', ${\quoted($_[0])})" }, @of_words);
all_right('ports', sub { "SELECT * FROM dns_getaddrinfo('192.0.2.1', ${\quoted($_[0])})" }, ['22023'], @words);
$session->text('RESET ALL');

my @settings = qw(servers domains sortlist allowed_servers local_ip4 local_ip6 local_dev);
all_right('settings',
	sub { "SELECT length(set_config('pgcares.$settings[ ord($_[0]) % @settings ]', ${\quoted(substr $_[0], 1)}, false))" },
	['22023'], grep { length && texts(substr $_, 1) } inputs('setting'));
$session->text('RESET ALL');

# ---- Files

# A new file each time, for any size and time
my $directory = PostgreSQL::Test::Utils::tempdir();
my $number = 0;
sub file_of
{
	my ($octets) = @_;
	my $path = "$directory/" . ++$number;

	open(my $file, '>:raw', $path) or die "cannot write \"$path\": $!\n";
	print $file $octets;
	close $file;
	unlink "$directory/" . ($number - 1);
	return $path;
}

my @marks = ("\n", ' ', "\t", "\0", '#', "\r\n", '.', ':');
my @parts = ('nameserver ', 'search ', 'options ndots:', '::1', '127.0.0.1', '%lo');

sub mutated
{
	my ($octets) = @_;

	foreach (0 .. rand 4)
	{
		my $at = int rand(1 + length $octets);
		my $way = int rand 5;

		if ($way == 0) { substr($octets, $at, 1) = chr rand 256 if $at < length $octets }
		elsif ($way == 1) { substr($octets, $at, rand 8) = '' }
		elsif ($way == 2) { substr($octets, $at, 0) = substr($octets, rand(length $octets), rand 40) }
		elsif ($way == 3) { substr($octets, $at, 0) = $marks[ rand @marks ] x (1 + rand 20) }
		else { substr($octets, $at, 0) = $parts[ rand @parts ] }
	}
	return $octets;
}

my @contents = map { substr $_, 1 } grep { length } inputs('file');
push @contents, map { mutated($contents[ rand @contents ]) } 1 .. $files - @contents;

# No packet leaves this host, for any servers in the files.
my %settings = (servers => '', local_ip4 => '127.0.0.1', local_ip6 => '::1', deadline => '1ms');
$session->text("SET pgcares.$_ = '$settings{$_}'") foreach keys %settings;
all_right('files', sub { my $path = file_of($_[0]); <<"SQL" }, ['ND...'], @contents);
SET pgcares.resolvconf = '$path'; SET pgcares.hosts_file = '$path';
SELECT count(*) FROM dns_servers();
SELECT * FROM dns_search('x.invalid', on_error => 'ignore');
SELECT dns_lookup('localhost', on_error => 'ignore');
SET pgcares.lookups = 'f';
SELECT * FROM dns_addresses('a.example', on_error => 'ignore');
SELECT dns_reverse('127.0.0.1', on_error => 'ignore');
RESET pgcares.lookups
SQL

done_testing();
