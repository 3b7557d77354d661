# Property: the options of a message are shown with their fields, each that dig has a name
# for among them; octets that are not of an option's form are shown as octets only; and no
# octets are an error.
#
# The options are random. The same seed makes the same ones.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use IO::Socket::INET;
use IPC::Run ();
use JSON::PP ();
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Session;
use Wire;

# Messages in all
use constant MESSAGES => $ENV{PGCARES_DEEP} ? 5000 : 300;

my $seed = $ENV{PGCARES_TEST_SEED} // int rand 2**31;
srand $seed;
note("PGCARES_TEST_SEED=$seed");

my $session;
sub one_of { return $_[ rand @_ ] }
sub octets { return join '', map { chr int rand 256 } 1 .. $_[0] }

# A field gives its octets and the value in jsonb.
sub number
{
	my ($size) = @_;
	my $octets = one_of("\0" x $size, "\xff" x $size, octets($size));
	return ($octets, hex unpack 'H*', $octets);
}
sub some_hex { my $octets = octets($_[0]); return ($octets, uc unpack 'H*', $octets) }
sub some_text { my $text = join '', map { one_of('a' .. 'z', ' ', '"', '\\') } 1 .. $_[0]; return ($text, $text) }
sub numbers
{
	my ($size) = @_;
	my @pairs = map { [ number($size) ] } 1 .. one_of(0, 1, 2, 5);
	return (join('', map { $_->[0] } @pairs), [ map { $_->[1] } @pairs ]);
}
sub some_name { my $name = one_of('example', 'a.b.example', 'x\\.y.example', '.'); return (Wire::name($name), $name) }

# A client's network: the octets of its prefix only
sub network
{
	my $family = one_of(1, 2);
	my $bits = int rand 1 + ($family == 1 ? 32 : 128);
	my $octets = octets(int(($bits + 7) / 8));
	my $address = $octets . "\0" x (($family == 1 ? 4 : 16) - length $octets);
	my $text = $session->text(sprintf "SELECT host(inet '%s')", $family == 1 ? join('.', unpack 'C4', $address) : join ':', map { sprintf '%x', $_ } unpack 'n8', $address);
	return (pack('n C2', $family, $bits, 0) . $octets, { family => $family, source_prefix_length => $bits, scope_prefix_length => 0, address => $text });
}

# Options: a code, a name, and fields, of which the last can be missing
my @options = (
	[ 1, 'LLQ', 5, [ version => \&number, 2 ], [ opcode => \&number, 2 ], [ error => \&number, 2 ], [ id => \&some_hex, 8 ], [ lease => \&number, 4 ] ],
	[ 2, 'UL', 1, [ lease => \&number, 4 ], [ key_lease => \&number, 4 ] ],
	[ 3, 'NSID', 1, [ nsid => \&some_text, 7 ] ],
	(map { [ 4 + $_, (qw(x DAU DHU N3U))[$_], 1, [ algorithms => \&numbers, 1 ] ] } 1 .. 3),
	[ 8, 'CLIENT-SUBNET', 0, \&network ],
	[ 9, 'EXPIRE', 0, [ expire => \&number, 4 ] ],
	[ 10, 'COOKIE', 1, [ client_cookie => \&some_hex, 8 ], [ server_cookie => \&some_hex, 16 ] ],
	[ 11, 'TCP-KEEPALIVE', 0, [ timeout => \&number, 2 ] ],
	[ 12, 'PADDING', 1, [ length => sub { ("\0" x 20, 20) } ] ],
	[ 13, 'CHAIN', 1, [ closest_trust_point => \&some_name ] ],
	[ 14, 'KEY-TAG', 1, [ key_tags => \&numbers, 2 ] ],
	[ 15, 'EDE', 2, [ info_code => \&number, 2 ], [ extra_text => \&some_text, 12 ] ],
	[ 16, 'CLIENT-TAG', 1, [ tag => \&number, 2 ] ],
	[ 17, 'SERVER-TAG', 1, [ tag => \&number, 2 ] ],
	[ 18, 'REPORT-CHANNEL', 1, [ agent_domain => \&some_name ] ],
	[ 19, 'ZONEVERSION', 0, [ label_count => \&number, 1 ], [ type => \&number, 1 ], [ version => \&some_hex, 4 ] ],
	[ 65001, 'OPT65001', 0 ]);

my $socket = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die "no socket: $!\n";
my $node = Session->cluster([ '127.0.0.1:' . $socket->sockport ]);
$session = Session->new($node);
my $json = JSON::PP->new->canonical->allow_nonref;

# An option at random: code, name, fields in jsonb or undefined, octets
sub option
{
	my ($code, $name, $least, @fields) = @{ one_of(@options) };
	my ($octets, %data) = ('');

	if (@fields && ref $fields[0] eq 'CODE')
	{
		($octets, my $data) = $fields[0]->();
		return [ $code, $name, $json->encode($data), $octets ];
	}
	return [ $code, $name, undef, octets(int rand 9) ] if !@fields;
	my $count = $least + int rand(@fields - $least + 1);
	foreach my $field (@fields[ 0 .. $count - 1 ])
	{
		my ($key, $make, @size) = @$field;
		(my $more, $data{$key}) = $make->(@size);
		$octets .= $more;
	}
	return [ $code, $name, $json->encode(\%data), $octets ];
}

# A message with these options
sub message
{
	my @list = @_;
	return pack('n6', 0x1234, 0x8400, 1, 0, 0, 1) . Wire::name('x.example') . pack('n2', 1, 1) . Wire::opt(0, map { [ $_->[0], $_->[3] ] } @list);
}

sub hex_of { return "'\\x" . unpack('H*', $_[0]) . "'" }

my @wrong;
my @all = map { [ map { option() } 1 .. int rand 6 ] } 1 .. MESSAGES;
foreach my $list (@all)
{
	my $rows = $session->query('SELECT code, option, data, encode(octets, \'hex\') FROM dns_edns_options(' . hex_of(message(@$list)) . ')')->{rows};
	my @shown = map { join '|', $_->[0], $_->[1], defined $_->[2] ? $json->encode($json->decode($_->[2])) : 'NULL', $_->[3] } @$rows;
	my @expected = map { join '|', $_->[0], $_->[1], $_->[2] // 'NULL', unpack 'H*', $_->[3] } @$list;

	push @wrong, "@shown\n  instead of @expected" if "@shown" ne "@expected";
}
is(join("\n", @wrong), '', 'options are shown with their fields, in their order');

# An option cut short or longer, and any octets: as fields only where they have the form
my %fixed = (1 => 18, 8 => undef, 11 => 2, 16 => 2, 17 => 2);
foreach my $code (grep { $fixed{$_} } sort { $a <=> $b } keys %fixed)
{
	my @lengths = grep { $_ != $fixed{$code} && !($code == 11 && $_ == 0) } 0 .. $fixed{$code} + 2;
	my $data = join '', map { $session->text('SELECT coalesce(data::text, \'-\') FROM dns_edns_options(' . hex_of(message([ $code, '', undef, octets($_) ])) . ')') } @lengths;

	is($data, '-' x @lengths, "option $code of another length");
}
foreach my $subnet ("\0\3\x18\0\1\2\3", "\0\1\x21\0\1\2\3\4\5", "\0\1\x18\0\1\2", "\0\1\x18\0\1\2\3\4", "\0\1\x18\x21\1\2\3", "\0\2\x81\0" . "\1" x 17, "\0\1\0\0\1", "\0\1\0")
{
	is($session->text('SELECT data IS NULL, octets = ' . hex_of($subnet) . ' FROM dns_edns_options(' . hex_of(message([ 8, '', undef, $subnet ])) . ')'),
		't|t', 'no client network: ' . unpack 'H*', $subnet);
}
foreach (1 .. MESSAGES)
{
	my $message = message(map { [ 1 + int rand 20, '', undef, octets(int rand 30) ] } 0 .. rand 4);
	my $changed = one_of($message, substr($message, 0, rand length $message), octets(int rand 90));
	substr($changed, rand length $changed, 1) = octets(1) if length $changed;
	my $state = $session->sqlstate('SELECT * FROM dns_edns_options(' . hex_of($changed) . ')');
	push @wrong, "$state: " . unpack 'H*', $changed if $state ne '00000';
}
is(join("\n", @wrong), '', 'no octets are an error');

# With an answer that came
SKIP:
{
	skip 'dig is not installed (Debian package: bind9-dnsutils)', 1
	  if !eval { IPC::Run::run([ 'dig', '-v' ], '>&', \my $said) };

	# Each option that dig has a name for
	my %octets = (1 => "\0" x 18, 2 => "\0" x 4, 8 => "\0\1\0\0", 9 => "\0" x 4, 10 => 'x' x 8, 11 => "\0\1", 13 => "\0", 15 => "\0\1", 16 => "\0\1", 17 => "\0\1", 18 => "\0", 19 => '');
	my $server = fork // die "cannot fork: $!\n";
	if ($server == 0)
	{
		while (my $from = $socket->recv(my $octets, 4096))
		{
			my $query = Wire::read_query($octets) or next;
			my ($code) = $query->{name} =~ /^o(\d+)\./ or next;
			$socket->send(Wire::message($query, options => [ [ $code, $octets{$code} // "\0\1" ] ]), 0, $from);
		}
		POSIX::_exit(0);
	}
	my @codes = (1 .. 40, 65001);
	my @unnamed;
	foreach my $code (@codes)
	{
		IPC::Run::run([ 'dig', '@127.0.0.1', '-p', $socket->sockport, '+nocookie', '+notcp', '+tries=1', "o$code.example", 'A' ], '>', \my $output);
		my ($dig) = $output =~ /^; EDNS:.*\n(;.*)/m;
		my $ours = $session->text("SELECT option FROM dns_message('o$code.example') m, dns_edns_options(m.wire)");

		push @unnamed, "$code: $dig, $ours" if $dig !~ /^; OPT=|^;; QUESTION/ && $ours =~ /^OPT/;
	}
	kill 'TERM', $server;
	waitpid $server, 0;
	is(join("\n", @unnamed), '', 'each option that dig has a name for has one here');
}

done_testing();
